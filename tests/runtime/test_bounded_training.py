"""Which random networks a training draws: inside the bounds of its recipe, evenly over MACs where it says so."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
from attrs import evolve
from searching import digits, new_run
from tiny_training import ALONE, SPACE

from spacelang.check import compile_text
from spacelang.interchange import to_json
from spacelang.lower.bounds import windows
from spacelang.lower.chain import inside
from spacelang.lower.cost import price
from spacelang.lower.draw import draw, stream
from spacelang.lower.histogram import bins
from spacelang.lower.lowered import Lowered, lower
from spacelang.lower.pattern import free
from spacelang.lower.untrained import largest_untrained, untrained
from spacelang.recipe import Bound, Sandwich, Train
from spacelang.source import Source
from spacelang_runtime.engine.provenance import provenance
from spacelang_runtime.engine.run import find
from spacelang_runtime.engine.train import train
from spacelang_runtime.failure import Failure
from spacelang_runtime.report import page
from spacelang_runtime.seeding import seed_of
from spacelang_runtime.tasks.supernet.held_out import networks
from spacelang_runtime.tasks.supernet.objective import training
from spacelang_runtime.tasks.supernet.sandwich import Subnets, subnets_of
from spacelang_runtime.tasks.supernet.setup import TrainRequest, new, resumed
from spacelang_runtime.tasks.supernet.stretches import STRETCHES
from tests.arithmetic.chains import chi_square, law_given

UNLIKELY = 1e-6
SMALL = Bound("flops", None, 40_000)  # a part of the space: it has 17 472 to 112 192
DIGITS = (Path(__file__).resolve().parents[2] / "spaces" / "digits.space").read_text(encoding="utf-8")


def trained_by(**lines: Any) -> Lowered:
    return lower(evolve(SPACE, train=evolve(SPACE.train, **lines)))


def drawn(subnets: Subnets, steps: int, count: int = 3) -> list[Any]:
    return [one for step in range(steps) for one in subnets.draw(5, step, count)]


def test_without_these_lines_the_networks_of_a_step_are_those_that_they_were() -> None:
    lowered = lower(SPACE)
    subnets = subnets_of(lowered)
    names = [[one.name for one in subnets.draw(3, step, 2)] for step in range(3)]
    assert names == [["0d58896a", "9da30f23"], ["72d09b18", "cd51a8cc"], ["fb0bbd3d", "a0021fa5"]]
    plain = draw(lowered.chain, 4, stream(seed_of("sandwich", 9, 100)))
    assert list(subnets.draw(9, 100, 4)) == [lowered.architecture(genotype) for genotype in plain]


@pytest.mark.parametrize("sampling", ["choices", "flops"])
@pytest.mark.parametrize(
    "bounds",
    [
        (SMALL,),
        (Bound("flops", 30_000, 50_000), Bound("params", None, 6_000)),
        (Bound("params", 5_000, None),),
    ],
    ids=["flops", "both", "params"],
)
def test_random_networks_keep_the_bounds_of_the_recipe(sampling: str, bounds: tuple[Bound, ...]) -> None:
    networks = drawn(subnets_of(trained_by(sampling=sampling, bounds=bounds)), 100)
    assert len(set(networks)) > 20
    for network in networks:
        spent = price(network)
        assert all(bound.holds(getattr(spent, bound.measure)) for bound in bounds)


def test_a_total_that_the_training_alone_bounds_is_kept() -> None:
    text = DIGITS.replace("train {", "train {\n  require sum(depth) <= 3", 1)
    space = compile_text(Source("x.space", text)).space
    assert space is not None
    deepest = [max(network.depth for network in drawn(subnets_of(one), 50)) for one in (lower(space), digits())]
    assert deepest == [3, 4]


@pytest.mark.parametrize("bounds", [(), (SMALL,)], ids=["all", "inside"])
def test_sampling_by_flops_takes_every_stretch_as_often_and_each_step_different_ones(
    bounds: tuple[Bound, ...],
) -> None:
    lowered = trained_by(sampling="flops", bounds=bounds)
    within = windows(bounds, lowered.chain)
    stretches = [window for window, count in bins(lowered.chain, "flops", STRETCHES, within) if count]
    subnets, taken = subnets_of(lowered), []
    for step in range(800):
        spent = [price(network).flops for network in subnets.draw(2, step, 4)]
        places = [next(i for i, one in enumerate(stretches) if one.lo <= flops <= one.hi) for flops in spent]
        assert len(set(places)) == min(4, len(stretches))
        taken += places
    assert chi_square(dict.fromkeys(range(len(stretches)), Fraction(1, len(stretches))), taken) > UNLIKELY
    assert len(stretches) >= STRETCHES // 2


def test_inside_a_stretch_networks_are_drawn_by_the_law_of_random() -> None:
    lowered = trained_by(sampling="flops")
    chain = lowered.chain
    stretch = bins(chain, "flops", STRETCHES)[1][0]
    genotypes = map(lowered.genotype, drawn(subnets_of(lowered), 2_000, 4))
    ours = [one for one in genotypes if inside(chain, one, {"flops": stretch})]
    assert len(ours) > 300
    assert chi_square(law_given(chain, free(chain), {"flops": stretch}, uniform=False), ours) > UNLIKELY


@pytest.mark.parametrize("sampling", ["choices", "flops"])
def test_seed_and_step_alone_decide_whatever_was_drawn_before(sampling: str) -> None:
    lowered = trained_by(sampling=sampling, bounds=(SMALL,))
    first, other = subnets_of(lowered), subnets_of(lower(lowered.space))  # as of another process
    expected = [first.draw(1, step, 3) for step in range(30)]
    assert [other.draw(1, step, 3) for step in reversed(range(30))] == expected[::-1]
    assert first.draw(2, 7, 3) != expected[7]


def test_bounds_that_no_network_meets_together_are_refused() -> None:
    bounds = (Bound("flops", None, 18_000), Bound("params", 12_000, None))
    for sampling in ("choices", "flops"):
        with pytest.raises(Failure, match=r"no network of tiny meets .*, flops <= 18.0K and 12.0K <= params"):
            subnets_of(trained_by(sampling=sampling, bounds=bounds))


def test_an_end_outside_of_the_bounds_is_looked_at_only_where_it_is_trained(tmp_path: Path) -> None:
    run = new_run(tmp_path)

    def looked(sandwich: Sandwich, *bounds: Bound) -> set[str]:
        lowered = trained_by(sandwich=sandwich, bounds=bounds)
        return set(networks(run, subnets_of(lowered), lowered.space.train))

    assert looked(Sandwich(0, 1, 3)) == {"largest", "smallest", "random"}
    assert looked(Sandwich(0, 1, 3), SMALL) == {"smallest", "random"}
    assert looked(Sandwich(1, 1, 2), SMALL) == {"largest", "smallest", "random"}
    assert looked(Sandwich(0, 0, 4), Bound("flops", 30_000, 40_000)) == {"random"}


def quiet(line: object) -> None:
    pass


def test_a_training_by_both_lines_repeats_itself_when_it_is_resumed(tmp_path: Path) -> None:
    recipe = evolve(SPACE.train, holdout=SPACE.train.drop_path, sampling="flops", bounds=(SMALL,))
    recipe = evolve(recipe, sandwich=Sandwich(0, 1, 3), mixup=0, cutmix=0, rand_augment=0, erasing=0)
    space = evolve(SPACE, train=recipe)

    def setup_in(folder: str) -> Any:
        return new(TrainRequest(space, "space tiny\n", "digits", steps=12), tmp_path / folder, ALONE, 0, quiet)

    whole, steps, seen = setup_in("whole"), [], []
    result = train(training(whole), ALONE, steps.append)
    assert set(result.figures) == {"smallest", "random"}
    assert set(steps[-1].losses) == {"smallest", "random"}

    def cut(step: Any) -> None:
        seen.append(step)
        if step.step == 7:
            raise KeyboardInterrupt

    part = setup_in("part")
    with pytest.raises(KeyboardInterrupt):
        train(training(part), ALONE, cut, every=0.0)
    train(training(resumed(find(tmp_path / "part"), ALONE, 0, quiet)), ALONE, seen.append)
    assert {step.step: step.losses for step in seen} == {step.step: step.losses for step in steps}
    kept, theirs = (torch.load(one.run.checkpoint, weights_only=True) for one in (whole, part))
    assert all(torch.equal(tensor, theirs["weights"][name]) for name, tensor in kept["weights"].items())


REACH: dict[str, tuple[tuple[Bound, ...], tuple[Bound, ...], str]] = {
    "nothing said of it": (
        (SMALL,),
        (),
        "inside flops <= 40.0K, and without a bound on flops networks reach beyond",
    ),
    "more than it": (
        (SMALL,),
        (Bound("flops", None, 50_000),),
        "flops <= 50.0K reaches beyond: give one inside (--flops 40.0K)",
    ),
    "less than it": ((SMALL,), (Bound("flops", None, 30_000),), ""),
    "exactly it": ((SMALL,), (SMALL,), ""),
    "below it": ((Bound("flops", 30_000, 50_000),), (SMALL,), "give one inside (--flops 30.0K..50.0K)"),
    "all of the space": ((Bound("flops", 17_000, 112_192),), (), ""),
    "another measure": ((SMALL,), (Bound("params", None, 6_000),), "without a bound on flops"),
    "one of two": ((SMALL, Bound("params", None, 6_000)), (SMALL,), "without a bound on params"),
    "no bounds": ((), (), ""),
}


@pytest.mark.parametrize("case", REACH)
def test_what_reaches_outside_of_the_training_is_told(case: str) -> None:
    trained, asked, said = REACH[case]
    told = list(untrained(trained, asked, lower(SPACE).chain))
    assert len(told) == bool(said)
    assert all(said in line for line in told)


TEACHERS: dict[str, tuple[Sandwich, tuple[Bound, ...], bool]] = {
    "outside, and not named": (Sandwich(0, 1, 3), (SMALL,), False),
    "outside, and trained besides": (Sandwich(1, 1, 2), (SMALL,), True),
    "inside of an end that all keep": (Sandwich(0, 0, 1), (Bound("flops", 17_000, 112_192),), True),
    "no bounds": (Sandwich(0, 0, 1), (), True),
}


@pytest.mark.parametrize("case", TEACHERS)
def test_the_largest_network_is_a_teacher_where_it_is_trained(case: str) -> None:
    sandwich, bounds, trained = TEACHERS[case]
    said = largest_untrained(evolve(SPACE.train, sandwich=sandwich, bounds=bounds), lower(SPACE).chain)
    assert (said is None) == trained
    assert said is None or "inside flops <= 40.0K, where it is not, and the sandwich does not name it" in said


def test_who_learns_from_a_largest_network_that_was_never_trained_is_told(
    spacelang, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bounded = "train {\n  require flops <= 45K"
    for name, text in (("small", DIGITS.replace("train {", bounded, 1)), ("whole", DIGITS)):
        Path(f"{name}.space").write_text(text.replace("space digits", f"space {name}"), encoding="utf-8")
        made = spacelang("train", f"{name}.space", "--data", "digits", "--steps", "2")
        assert made.code == 0, made.err
    assert spacelang("export", "smallest", "--run", "whole-1", "-o", "m").code == 0
    for run, untaught in (("small-1", True), ("whole-1", False)):
        for words in (
            ("finish", run, "--network", "smallest", "--share", "50%", "--taught", "0.5"),
            ("train", "whole.space", "--data", "digits", "--steps", "1", "--weights", run),
            ("finetune", "m", "--data", "digits", "--steps", "1", "--teacher", run, "-o", "n", "--force"),
        ):
            said = spacelang(*words)
            assert said.code == 0, said.err
            assert ("the largest network was never trained" in said.err) == untaught
    plain = spacelang("finish", "small-1", "--network", "smallest", "--share", "50%")
    assert "was never trained" not in plain.err


def test_search_judgement_and_random_networks_outside_of_the_training_are_told(
    spacelang, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bounded = "train {\n  require flops <= 45K"
    Path("small.space").write_text(DIGITS.replace("train {", bounded, 1), encoding="utf-8")
    made = spacelang("train", "small.space", "--steps", "2")
    assert made.code == 0, made.err
    asked = ("eval", "smallest", "--random", "2")
    assert "the supernet was trained inside" in spacelang(*asked).err, "the recipe's bound is 50K"
    few = [f"--set={name}=2" for name in ("population", "parents", "crossover", "mutation")]
    few += ["--set=generations=1"]
    least = [f"--set={line}" for line in ("samples=4", "top=1", "per_choice=1")]
    for words in (("evolve", *few), ("judge", *least)):
        for flops, warned in (("50K", True), ("45K", False)):
            said = spacelang(*words, "--flops", flops)
            assert said.code == 0, said.err
            assert ("the supernet was trained inside flops <= 45.0K" in said.err) == warned
    assert "the supernet was trained inside" not in spacelang(*asked).err, "the last search was inside"
    shown = spacelang("inspect", "small.space").out
    assert "train bound     flops <= 45.0K" in shown


def test_the_page_of_a_run_and_the_origin_of_its_networks_tell_the_bounds(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    space = evolve(run.space, train=Train(bounds=(SMALL,)))
    (run.folder / "space.json").write_text(to_json(space), encoding="utf-8")
    lowered = lower(space)
    assert "trained inside" in page(find(tmp_path), lowered)
    origin = provenance(find(tmp_path), lowered.smallest)["origin"]
    assert origin.endswith("trained inside flops <= 40.0K")
