"""`--set NAME=VALUE`: what it takes, and that its mistakes are told in the words of the command line."""

from fractions import Fraction

import pytest

from spacelang.check import override
from spacelang.recipe import Evolve, Refine, Sandwich, Train

RIGHT = {
    "batch=2K": {"batch": 2000},
    "batch = 64 * 2": {"batch": 128},
    "learning_rate=0.0005": {"learning_rate": Fraction(1, 2000)},
    "batches=split": {"batches": "split"},
    "optimizer=muon": {"optimizer": "muon"},
    "rate_law=sqrt": {"rate_law": "sqrt"},
    "sampling=flops": {"sampling": "flops"},
    "sandwich=largest + 3 * random": {"sandwich": Sandwich(largest=1, smallest=0, random=3)},
}


@pytest.mark.parametrize("text", RIGHT)
def test_a_setting_replaces_a_line(text: str) -> None:
    changed = override.train_with(Train(), override.settings([text]))
    assert {name: getattr(changed, name) for name in RIGHT[text]} == RIGHT[text]


WRONG = {
    "batch": "write NAME=VALUE, such as batch=256",
    "batch=": "write NAME=VALUE, such as batch=256",
    "=3": "write NAME=VALUE, such as batch=256",
    "batch:3": "write NAME=VALUE, such as batch=256",
    "train.batch=3": "write NAME=VALUE, such as batch=256",
    "batch=3 epochs=4": "give --set for each of them",
    "batch=3\nepochs=4": "give --set for each of them",
    "batch={1,2}": "write batch=VALUE",
    "batch=1..3": "write batch=VALUE",
    "batch=256 # of them": "no comment",
    "batch=3 4": "'3 4' is no value",
    "batch=@": "'@' is no value",
    "sandwich=largest +": "'largest +' is no value",
    "require=3": "'3' is no value",
    "batch=256x": "(write `256`",
    "batch=256k": "(write `256K`)",
    "batch=1e3": "(write `1000`)",
    'batch="256"': "(write `256`)",
    "batch=0": "a whole number from 1 to",
    "batch=1": "give a lower `min_learning_rate`",
    "batches=halved": "`shared` or `split` is expected here",
    "sampling=macs": "`choices` or `flops` is expected here",
    "lr=0.1": "it is called `learning_rate` here",
    "epocs=3": "did you mean `epochs`?",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_setting_is_refused_without_a_word_of_files(text: str) -> None:
    with pytest.raises(override.NotASetting) as refused:
        override.train_with(Train(), override.settings([text]))
    said = str(refused.value)
    assert WRONG[text] in said
    assert "statement" not in said
    assert "line" not in said


def test_the_same_line_twice_is_refused_unless_both_say_the_same() -> None:
    assert override.settings(["batch=3", "batch = 3"]) == {"batch": "3"}
    with pytest.raises(override.NotASetting, match="batch is given twice, as 3 and as 4"):
        override.settings(["batch=3", "batch=4"])


def test_what_is_only_doubtful_is_told_and_done() -> None:
    told: list[str] = []
    assert override.train_with(Train(), {"epochs": "10"}, told.append).epochs == 10
    assert override.evolve_with(Evolve(), {"population": "5"}, told.append).population == 5
    assert [line.partition(" (")[0] for line in told] == [
        "a warm-up of 20 epochs fills all 10 epochs of the training",
        "10 parents are more than the first population has, which is 5",
    ]


def test_what_networks_are_ranked_by_is_a_line_of_the_search_and_of_the_refinement() -> None:
    changes = override.settings(["score=accuracy"])
    assert override.evolve_with(Evolve(), changes).score == "accuracy"
    assert override.refine_with(Refine(), changes).score == "accuracy"
    with pytest.raises(override.NotASetting, match="`loss` or `accuracy` is expected here"):
        override.evolve_with(Evolve(), override.settings(["score=los"]))
    with pytest.raises(override.NotASetting, match="`score` is nothing that `train` has"):
        override.train_with(Train(), changes)
