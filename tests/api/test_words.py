"""What the front door can be asked for is what the command line can be asked for, by the same words."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

import pytest

import spacelang as sl
from spacelang.api.transfer import Transfer
from spacelang.cli.eval import evaluate
from spacelang.cli.evolve import evolve
from spacelang.cli.export import export
from spacelang.cli.finetune import finetune
from spacelang.cli.finish import finish
from spacelang.cli.import_ import import_
from spacelang.cli.judge import judge
from spacelang.cli.measure import measure
from spacelang.cli.refine import refine
from spacelang.cli.report import report
from spacelang.cli.sample import sample
from spacelang.cli.train import train
from spacelang.cli.transfer import transfer

# Of each command, the call that does the same, and what its options are called there; None: it is the call itself,
# its object or its result.
COMMANDS: dict[str, tuple[Callable[..., Any], Callable[..., Any], dict[str, str | None]]] = {
    "sample": (sample, sl.Space.sample, {"file": None, "cost": None, "bound": "bounds", "as_json": None}),
    "train": (train, sl.train, dict.fromkeys(("resume", "photo", "dry_run"))),
    "train --resume": (
        train,
        sl.resume,
        {
            "space": "run",
            **dict.fromkeys(("settings", "weights", "taught", "resume", "photo", "dry_run", "runs")),
            **dict.fromkeys(("test_share", "test_seed", "flops", "params")),
        },
    ),
    "evolve": (evolve, sl.Run.search, {"run": None, "bound": "bounds", "as_json": None, "runs": None}),
    "finish": (finish, sl.Run.finish, {"run": None, "networks": "what", "as_json": None, "runs": None}),
    "judge": (judge, sl.Run.judge, {"run": None, "next_": None, "report": None, "as_json": None, "runs": None}),
    "refine": (refine, sl.refine, {}),
    "eval": (evaluate, sl.Run.evaluate, dict.fromkeys(("run", "as_json", "runs", "test_share", "test_seed"))),
    "export": (export, sl.Run.export, {"form": "format", "run": None, "runs": None}),
    "finetune": (finetune, sl.finetune, {"scratch": "from_scratch", "dry_run": None}),
    "transfer": (
        transfer,
        sl.transfer,
        dict.fromkeys(("dry_run", "evaluate", "multi_scale", "predict", "question", "output", "as_json")),
    ),
    "transfer --predict": (
        transfer,
        Transfer.predict,
        {
            "predict": "photo",
            **dict.fromkeys(("task", "model", "data", "recipe", "settings", "random_weights", "bert", "steps")),
            **dict.fromkeys(("budget", "resume", "dry_run", "evaluate", "multi_scale", "as_json", "micro")),
            **dict.fromkeys(("workers", "profile", "runs")),
        },
    ),
    "measure": (measure, sl.measure, {"as_json": None}),
    "import": (import_, sl.import_model, {}),
    "report": (report, sl.Run.report, {"run": None, "runs": None}),
}
OURS = {"observe", "say", "self", "learned", "run", "space"}  # what a command line has no word for
MORE = {"workers"}  # where the command takes as many as suit


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_and_the_call_have_the_same_words(name: str) -> None:
    command, call, others = COMMANDS[name]
    wanted = {others.get(word, word) for word in signature(command).parameters} - {None}
    known = set(signature(call).parameters)
    assert wanted <= known
    assert known - wanted <= OURS | MORE


def test_what_an_option_does_not_take_is_said_by_its_name(spacelang: Any) -> None:
    space = sl.load("spaces/digits.space")
    with pytest.raises(sl.NotAnOption, match=r"^budget: 'soon' is not a time"):
        sl.train(space, budget="soon")
    said = spacelang("train", "spaces/digits.space", "--budget", "soon")
    assert said.code == 2
    assert "--budget: 'soon' is not a time" in said.err
    with pytest.raises(sl.NotAnOption, match=r"^taught: there is no model to teach"):
        sl.train(space, taught=0.5)
    with pytest.raises(sl.NotAnOption, match=r"^threads, int8, programs: it goes with a runtime"):
        sl.measure(space, threads=2)
    said = spacelang("measure", "spaces/digits.space", "--threads", "2")
    assert said.code == 2
    assert "--threads, --int8, --programs: it goes with a runtime" in said.err
    said = spacelang("eval", "--random", "2", "--seed", "-1")
    assert said.code == 2
    assert "--seed" in said.err
    with pytest.raises(sl.NotAnOption, match=r"^rounds: it is at least 1"):
        sl.measure(space, rounds=0)


def test_what_names_no_network_is_refused_in_the_words_of_the_command(spacelang: Any) -> None:
    with pytest.raises(sl.Failure, match=r"there is no file nowhere\.pth") as refused:
        sl.import_model("nowhere.pth", "model")
    said = spacelang("import", "nowhere.pth", "-o", "model")
    assert said.err == f"error: {refused.value.message}\n  help: {refused.value.remedy}\n"


@pytest.mark.parametrize(("word", "meant"), [("macs", "flops"), ("MACs", "flops"), ("parameters", "params")])
def test_a_measure_by_another_name_is_answered_with_ours(word: str, meant: str) -> None:
    space = sl.load("spaces/digits.space")
    given = {word: "1M"}
    calls: list[Callable[[], object]] = [
        lambda: space.count(**given),
        lambda: space.between(**given),
        lambda: space.sample(**given),
        lambda: space.histogram(**given),
        lambda: space.nearest(**given),
        lambda: space.contains(space.largest, **given),
        lambda: space.mutate(space.largest, **given),
        lambda: sl.search(space, lambda one: one.depth, **given),
        lambda: sl.Searcher(space, **given),
        lambda: sl.refine(space, **given),
        lambda: sl.Run.search(None, **given),
        lambda: sl.Run.judge(None, **given),
    ]
    for call in calls:
        with pytest.raises(sl.NotAnOption, match=rf"^{word}: it is called {meant} here") as refused:
            call()
        assert meant in refused.value.remedy


def test_a_slip_of_a_keyword_is_answered_and_what_resembles_none_is_pythons() -> None:
    space = sl.load("spaces/digits.space")
    with pytest.raises(sl.NotAnOption, match=r"^flop_s: did you mean flops\?"):
        space.count(flop_s="1M")
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        space.count(colour="red")


KINDS = (sl.Space, sl.Run, sl.Searcher, sl.Architecture, sl.Model, Transfer)
VERBS = [getattr(kind, name) for kind in KINDS for name in vars(kind) if not name.startswith("_")]
CALLS = [sl.load, sl.parse, sl.train, sl.resume, sl.search, sl.finetune, sl.transfer, sl.open_run, sl.load_model]
CALLS += [sl.open_transfer]
CALLS += [sl.measure, sl.import_model]


@pytest.mark.parametrize("call", [*CALLS, *filter(callable, VERBS)], ids=lambda call: call.__qualname__)
def test_a_public_call_says_what_it_means(call: Callable[..., Any]) -> None:
    text = call.__doc__ or ""
    assert text.strip().split("\n\n")[0].endswith((".", ":"))
    words = [word for word, one in signature(call).parameters.items() if one.kind is one.KEYWORD_ONLY]
    for word in words if "Args:" in text and "as for" not in text else ():
        assert f" {word}" in text, word
