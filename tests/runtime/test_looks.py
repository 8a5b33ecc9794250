"""Looks at the held-out images while a training goes on: they tell what they see, and change nothing."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
from attrs import evolve
from image_folder import image_folder
from tiny_training import ALONE, SPACE

from spacelang import notation
from spacelang.lower.lowered import lower
from spacelang.recipe import Train
from spacelang_runtime.engine.evaluate import evaluate_all
from spacelang_runtime.engine.run import RunFolder, find
from spacelang_runtime.engine.supernet import trained
from spacelang_runtime.engine.train import TrainingResult, train
from spacelang_runtime.failure import Failure, Interrupted
from spacelang_runtime.nn.network import Network
from spacelang_runtime.nn.saved import load, notes_of, save
from spacelang_runtime.report import figures
from spacelang_runtime.report.curves import curves_of
from spacelang_runtime.tasks.supernet.held_out import LOOKED, count
from spacelang_runtime.tasks.supernet.objective import SupernetSetup, training
from spacelang_runtime.tasks.supernet.setup import TrainRequest, new, resumed

RECIPE = evolve(SPACE.train, rand_augment=0, erasing=0, mixup=0, cutmix=0, holdout=Fraction(1, 10))
STEPS = 20


def _quiet(line: object) -> None:
    pass


def setup_in(runs: Path) -> SupernetSetup:
    return new(
        TrainRequest(evolve(SPACE, train=RECIPE), "space tiny\n", "digits", steps=STEPS), runs, ALONE, 0, _quiet
    )


def learn(setup: SupernetSetup, watch: Callable[[Any], None] = _quiet, looks: int = 10) -> TrainingResult:
    return train(training(setup, looks), ALONE, watch)


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, list[Any], TrainingResult]:
    """A run with its steps."""
    steps: list[Any] = []
    setup = setup_in(tmp_path_factory.mktemp("looked"))
    result = learn(setup, steps.append)
    return setup.run, steps, result


def same_weights(one: RunFolder, other: RunFolder) -> bool:
    kept, theirs = (torch.load(run.checkpoint, weights_only=True) for run in (one, other))
    return all(
        torch.equal(tensor, theirs[part][name])
        for part in ("weights", "average")
        for name, tensor in kept[part].items()
    )


def test_with_looks_and_without_a_training_is_the_same_bit_for_bit(
    looked: tuple[RunFolder, list[Any], TrainingResult], tmp_path: Path
) -> None:
    run, steps, result = looked
    plain: list[Any] = []
    other = setup_in(tmp_path)
    without = learn(other, plain.append, looks=0)
    assert [step.losses for step in steps] == [step.losses for step in plain]
    assert same_weights(run, other.run)
    assert without.figures == {}
    assert set(result.figures) == {"largest", "smallest", "random"}


def test_a_run_that_was_cut_between_looks_repeats_the_uncut_one(
    looked: tuple[RunFolder, list[Any], TrainingResult], tmp_path: Path
) -> None:
    run, steps, result = looked
    setup, seen = setup_in(tmp_path), []

    def cut(step: Any) -> None:
        seen.append(step)
        if step.step == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(training(setup), ALONE, cut, every=0.0)
    again = learn(resumed(find(tmp_path), ALONE, 0, _quiet), seen.append)
    assert again.figures == result.figures
    assert {step.step: step.losses for step in seen} == {step.step: step.losses for step in steps}
    assert same_weights(run, setup.run)


@pytest.mark.parametrize("when", ["in the last step", "after it"])
def test_a_run_that_was_stopped_before_its_last_look_makes_it_when_it_goes_on(
    looked: tuple[RunFolder, list[Any], TrainingResult], tmp_path: Path, when: str
) -> None:
    setup = setup_in(tmp_path)
    whole = training(setup)

    def micro_steps(step: int, *rest: Any) -> Any:
        *others, last = whole.objective.micro_steps(step, *rest)

        def backward(weight: float) -> Any:
            if when == "in the last step" and step == STEPS - 1:
                signal.raise_signal(signal.SIGINT)
            return last.backward(weight)

        return [*others, evolve(last, backward=backward)]

    def watch(step: Any) -> None:
        if when == "after it" and step.step == STEPS:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(Interrupted, match=f"stopped at step {STEPS} of {STEPS}"):
        train(evolve(whole, objective=evolve(whole.objective, micro_steps=micro_steps)), ALONE, watch)
    state = setup.run.state
    assert state is not None
    assert not state.finished
    assert learn(resumed(setup.run, ALONE, 0, _quiet)).figures == looked[2].figures
    state = setup.run.state
    assert state is not None
    assert state.finished
    assert same_weights(setup.run, looked[0])


def test_a_look_tells_what_an_evaluation_tells(looked: tuple[RunFolder, list[Any], TrainingResult]) -> None:
    """The last look, of the averaged weights, on the first held-out images."""
    run, _, result = looked
    lowered = lower(run.space)
    images = setup_in(run.folder / "other").dataset.search
    taken = count(run.space.train, STEPS, len(images))
    assert taken == 100
    first = evolve(images, split=images.split.take(torch.arange(taken).numpy()))
    from spacelang_runtime.tasks.supernet.sandwich import subnets_of

    (drawn,) = subnets_of(lowered).draw(run.space.train.seed, LOOKED, 1)
    with closing(first.batches()) as batches:
        told = evaluate_all(
            trained(run, lowered, ALONE.device),
            batches,
            images.normalise,
            ALONE.device,
            [lowered.largest, lowered.smallest, drawn],
        )
    assert list(result.figures.values()) == [one.top1 for one in told]


def test_each_tenth_of_the_way_is_in_the_steps_in_tensorboard_and_in_the_report(
    looked: tuple[RunFolder, list[Any], TrainingResult],
) -> None:
    run, steps, result = looked
    curves = curves_of(run)
    for name, share in result.figures.items():
        at, shares = curves[f"held out/{name}"]
        assert at == list(range(2, STEPS + 1, 2))
        assert shares[-1] == pytest.approx(share)
        assert steps[-1].figures[name] == pytest.approx(shares[-2])
    drawn = figures.held_out(curves)
    assert drawn is not None
    assert [line.name for line in drawn.data] == ["largest", "smallest", "random"]
    assert figures.held_out({}) is None


def test_looks_take_a_small_part_of_what_is_learned_from() -> None:
    recipe = Train(batch=256)
    assert count(recipe, 10, 5000) == 100
    assert count(recipe, 200, 5000) == 409
    assert count(recipe, 10**6, 5000) == 1000
    assert count(recipe, 10**6, 30) == 30


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    torch.manual_seed(0)
    save(Network(notation.read("i16-p4-c3/16:h2q16m2w4")).eval(), tmp_path / "m", {})
    image_folder(tmp_path / "photos", train=20, val=4)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "m"


QUICK = ("--steps", "12", "--set", "batch=8", "--device", "cpu", "--workers", "0")


def test_finetune_holds_out_a_part_when_asked_and_keeps_the_best(spacelang: Any, model: Path) -> None:
    said = spacelang("finetune", "m", "--data", "photos", "-o", "best", "--keep", "best", *QUICK)
    assert said.code == 0, said.err
    run = find(Path("runs"), next(Path("runs").iterdir()).name)
    assert float(run.space.train.holdout) == 0.1
    (at, shares), notes = curves_of(run)["held out/network"], notes_of("best")
    best = shares.index(max(shares))
    assert notes["held_out_accuracy"] == pytest.approx(shares[best])
    assert f"kept: the weights of step {at[best]}, " in said.err
    assert notes["origin"].endswith(f"at its best look: step {at[best]}")
    assert json.loads((run.folder / "run.json").read_text())["keep"] == "best"
    other = spacelang("finetune", "m", "--data", "photos", "-o", "last", *QUICK)
    assert other.code == 0, other.err
    assert "held out" not in other.err
    last = find(Path("runs"), max(path.name for path in Path("runs").iterdir()))
    assert not last.space.train.holdout
    assert not (last.folder / "best.safetensors").exists()
    assert load("last").state_dict().keys() == load("best").state_dict().keys()


def test_a_finetune_that_was_cut_keeps_the_best_of_all_looks(model: Path) -> None:
    from spacelang.api.finetune import request
    from spacelang_runtime.tasks.supernet.best_weights import best_weights

    asked = request(
        "m", "photos", True, Train(), {"batch": 8, "learning_rate": 0.001}, None, (12, None, 0), keep="best"
    )
    whole = new(asked, Path("whole"), ALONE, 0, _quiet)
    learn(whole)

    def cut(step: Any) -> None:
        if step.step == 6:
            raise KeyboardInterrupt

    parts = new(asked, Path("parts"), ALONE, 0, _quiet)
    with pytest.raises((KeyboardInterrupt, Interrupted)):
        train(training(parts), ALONE, cut)
    learn(resumed(parts.run, ALONE, 0, _quiet))
    one, other = best_weights(whole.run), best_weights(parts.run)
    assert one is not None
    assert other is not None
    assert (one.step, one.accuracy) == (other.step, other.accuracy)
    assert all(torch.equal(one.weights[name], tensor) for name, tensor in other.weights.items())
    (parts.run.folder / "best.safetensors").write_bytes(b"no weights")
    with pytest.raises(Failure, match=r"best\.safetensors is damaged"):
        best_weights(parts.run)
