"""A unit of `benchmarks/alone.py`: alone, inherited and finished, by the product's trainer."""

from __future__ import annotations

import os
import sys
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from attrs import evolve

from spacelang import notation
from spacelang.check import compile_text
from spacelang.lower.lowered import lower
from spacelang.source import read
from spacelang_runtime.engine.distributed import World
from spacelang_runtime.engine.evaluate import evaluate
from spacelang_runtime.engine.run import find
from spacelang_runtime.engine.supernet import trained
from spacelang_runtime.engine.train import train
from spacelang_runtime.tasks.supernet.data import dataset_of
from spacelang_runtime.tasks.supernet.objective import training
from spacelang_runtime.tasks.supernet.setup import TrainRequest, new

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "benchmarks"))

from lone.plan import Plan, drawn, lonely  # noqa: E402
from lone.training import Interrupted, Trainer  # noqa: E402
from lone.unit import Alone, Finish, Inherited, Unit, results  # noqa: E402

WORLD = World(0, 1, torch.device("cpu"))


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """Of a supernet of digits that has made a few steps."""
    space = compile_text(read(ROOT / "spaces" / "digits.space")).space
    assert space is not None
    space = evolve(space, train=evolve(space.train, batch=256, epochs=1, learning_rate=Fraction(1, 100)))
    runs = tmp_path_factory.mktemp("runs")
    setup = new(TrainRequest(space, "", "digits", steps=12), runs, WORLD, 0, lambda _: None)
    train(training(setup), WORLD, lambda _: None)
    return Plan(lonely(space), "digits", drawn(lower(space), 3, None, 0), str(setup.run.folder))


def trainer(plan: Plan, out: Path, keep: bool = False) -> Trainer:
    return Trainer(plan, out, WORLD, 0, keep, lambda _: None)


def told(record: dict[str, object]) -> object:
    return record["test"], record["held_out"], record["line"]


@pytest.mark.parametrize("unit", [Alone(1, 0, 1), Inherited(1)])
def test_a_unit_done_again_finds_the_same(plan: Plan, tmp_path: Path, unit: Unit) -> None:
    first = trainer(plan, tmp_path / "first")
    first.do(Alone(0, 0, 1))  # what was done before it does not matter
    assert told(first.do(unit)) == told(trainer(plan, tmp_path / "second").do(unit))


def test_seeds_and_lengths_are_different_trainings(plan: Plan, tmp_path: Path) -> None:
    one = trainer(plan, tmp_path)
    records = [one.do(unit) for unit in (Alone(1, 0, 1), Alone(1, 1, 1), Alone(1, 0, 2))]
    assert len({record["test"]["loss"] for record in records}) == 3
    assert records[2]["steps"] == 2 * records[0]["steps"]
    assert len(results(tmp_path)) == 3


def test_what_is_inherited_is_scored_as_eval_scores_it(plan: Plan, tmp_path: Path) -> None:
    run = find(Path(plan.run).parent, Path(plan.run).name)
    model = trained(run, lower(run.space), WORLD.device)
    dataset = dataset_of(run, lambda _: None)
    network = notation.read(plan.lines[2])
    record = trainer(plan, tmp_path).do(Inherited(2))
    for split, batches in (("test", dataset.test.batches()), ("held_out", dataset.search.batches())):
        tested = evaluate(model, batches, dataset.normalise, WORLD.device, network)
        assert record[split]["accuracy"] == tested.top1
        assert record[split]["loss"] == pytest.approx(tested.loss, rel=1e-5)
        assert record[split]["images"] == tested.images


def test_a_finish_begins_with_what_is_inherited(plan: Plan, tmp_path: Path) -> None:
    one = trainer(plan, tmp_path)
    inherited = one.do(Inherited(2))
    still = one.do(Finish(2, Fraction(1, 1000), Fraction(1, 10**9)))
    assert still["steps"] >= 1
    assert still["test"]["loss"] == pytest.approx(inherited["test"]["loss"], rel=1e-4)
    assert one.do(Finish(2, Fraction(1), Fraction(1, 100)))["test"]["loss"] != inherited["test"]["loss"]


def test_weights_go_unless_they_are_asked_for(plan: Plan, tmp_path: Path) -> None:
    trainer(plan, tmp_path / "gone").do(Alone(0, 0, 1))
    assert not list((tmp_path / "gone").rglob("checkpoint.pt"))
    trainer(plan, tmp_path / "kept", keep=True).do(Alone(0, 0, 1))
    (kept,) = (tmp_path / "kept").rglob("checkpoint.pt")
    assert find(kept.parents[1], kept.parent.name).record.network == plan.lines[0]


def test_a_unit_that_is_stopped_leaves_nothing(plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import lone.training as training

    def stopped(job, world, watch, **words):  # type: ignore[no-untyped-def]
        def stop(step):  # type: ignore[no-untyped-def]
            watch(step)
            os.kill(os.getpid(), 2)

        return train(job, world, stop, **words)

    monkeypatch.setattr(training, "train", stopped)
    with pytest.raises(Interrupted):
        trainer(plan, tmp_path).do(Alone(0, 0, 1))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
