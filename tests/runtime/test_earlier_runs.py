"""What earlier versions wrote is read, and goes on; and training is what it was.

`earlier/` holds two runs that were stopped on the way, as the version wrote them in which `finetune` and `transfer`
each had a trainer of their own; and losses of that version, step by step.
"""

from __future__ import annotations

import json
import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from tiny_training import ALONE, RECIPE, learn, new_setup
from tiny_transfer import MAKE, new_transfer, recipe

from spacelang_runtime.engine.record import Distillation, Initial
from spacelang_runtime.engine.run import every, find
from spacelang_runtime.engine.step import Step
from spacelang_runtime.engine.train import train
from spacelang_runtime.failure import Failure
from spacelang_runtime.tasks.registry import task
from spacelang_runtime.tasks.supernet import setup as supernet
from spacelang_runtime.tasks.transfer import setup as transfer
from spacelang_runtime.tasks.transfer.model import load
from spacelang_runtime.tasks.transfer.objective import training
from spacelang_runtime.tasks.transfer.run import TASKS, measured, read_recipe

EARLIER = Path(__file__).parent / "earlier"
LOSSES: dict[str, list[dict[str, float]]] = json.loads((EARLIER / "losses.json").read_text())
SETTINGS: dict[str, Any] = {
    "iterations": 6,
    "evaluations": 3,
    "micro": 2,
    "clip": 0.1,
    "backbone_learning_rate": 0.0003,
    "schedule": "poly",
    "drop_path": 0.2,
    "warmup": 2,
}
OWN: dict[str, dict[str, Any]] = {
    "detect": {"schedule": "step", "steps": [3]},
    "segment": {},
    "vqa": {"micro": 4, "batch": 8, "schedule": "cosine"},
}


def same(steps: list[Step], task: str, first: int = 0) -> bool:
    """Whether the losses are those of the earlier version, but for the rounding of another machine."""
    expected = LOSSES[task][first:]
    return len(steps) == len(expected) and all(
        dict(step.losses) == pytest.approx(losses, rel=1e-3, abs=1e-6)
        for step, losses in zip(steps, expected, strict=True)
    )


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the runs of earlier, and what they were made from."""
    shutil.copytree(EARLIER / "finetune", tmp_path / "runs" / "net_1d280396-1")
    shutil.copytree(EARLIER / "segment", tmp_path / "runs" / "segment-segment-1")
    shutil.copytree(EARLIER / "teacher", tmp_path / "teacher")
    MAKE["segment"](tmp_path / "data" / "segment")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs"


def test_a_run_of_finetune_is_read_and_goes_on(here: Path) -> None:
    run = find(here, "net_1d280396-1")
    assert run.record.task == "finetune"
    assert run.record.initial == Initial("model")
    assert run.record.distillation == Distillation("teacher", 0.25)
    assert run.record.overrides == {"batch": "16", "mixup": "0", "ema": "0.9"}
    setup = supernet.resumed(run, ALONE, 0, lambda _: None)
    assert setup.checkpoint is not None
    assert setup.checkpoint.state.step == 3
    steps: list[Step] = []
    learn(setup, steps.append)
    assert same(steps, "finetune", first=3)


def test_a_run_of_a_task_is_read_and_goes_on(here: Path) -> None:
    record = json.loads((here / "segment-segment-1" / "transfer.json").read_text())
    run = find(here, "segment-segment-1", ("segment",))
    assert run.record.initial == Initial("column")
    assert run.record.overrides == {"micro": "2", "clip": "0.1"}
    assert (run.record.data.where, run.record.data.fingerprint) == (record["data"], record["fingerprint"])
    assert read_recipe(run) == (recipe("segment", SETTINGS), record["labels"])
    assert measured(run) == 2
    assert not load(run.model, ALONE.device).model.training

    there = task("segment").open(Path(record["data"]), read_recipe(run)[0], None, None).fingerprint
    pictures = evolve(run.record.data, fingerprint=there)
    run = evolve(run, record=evolve(run.record, data=pictures))  # another Pillow may write other bytes
    steps: list[Step] = []
    setup = transfer.resumed(run, ALONE, 0, None, None)
    train(training(setup, lambda *_: None), ALONE, steps.append)
    assert same(steps, "segment", first=4)
    assert measured(run) == 6


def test_each_command_finds_the_runs_of_its_own_tasks(here: Path) -> None:
    assert [run.name for run in every(here)] == ["net_1d280396-1"]
    assert [run.name for run in every(here, TASKS)] == ["segment-segment-1"]
    with pytest.raises(Failure, match="segment-segment-1 is a run of transfer segment") as failure:
        find(here, "segment-segment-1")
    assert "spacelang transfer" in failure.value.remedy
    with pytest.raises(Failure, match="segment-segment-1 is a run of transfer segment") as failure:
        find(here, "segment-segment-1", ("vqa",))
    assert failure.value.remedy == "give the same command with transfer segment"
    with pytest.raises(Failure, match="net_1d280396-1 is no run of transfer"):
        find(here, "net_1d280396-1", TASKS)
    with pytest.raises(Failure, match="no run of transfer detect"):
        find(here, tasks=("detect",))


@pytest.mark.parametrize("name", ["run.json", "transfer.json"])
def test_an_earlier_record_that_lacks_something_is_damaged(here: Path, name: str) -> None:
    (path,) = here.glob(f"*/{name}")
    record = json.loads(path.read_text())
    del record["overrides"]
    path.write_text(json.dumps(record))
    with pytest.raises(Failure, match=f"{name} is damaged"):
        find(here, path.parent.name, ("finetune", *TASKS))


def test_a_supernets_losses_are_what_they_were(tmp_path: Path) -> None:
    steps: list[Step] = []
    learn(new_setup(tmp_path, evolve(RECIPE, drop_path=Fraction(1, 2))), steps.append)
    assert same(steps, "supernet")


@pytest.mark.parametrize("name", TASKS)
def test_a_tasks_losses_are_what_they_were(tmp_path: Path, name: str) -> None:
    steps: list[Step] = []
    setup = new_transfer(tmp_path, name, SETTINGS | OWN[name])
    train(training(setup, lambda *_: None), ALONE, steps.append)
    assert same(steps, name)
