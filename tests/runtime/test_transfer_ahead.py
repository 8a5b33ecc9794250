"""What a transfer would take is known before it begins, also where one of its steps takes minutes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny_transfer import MAKE, RECIPES, network, recipe

from spacelang_runtime.engine.distributed import World
from spacelang_runtime.engine.train import Training
from spacelang_runtime.nn.saved import save
from spacelang_runtime.tasks.transfer import probe
from spacelang_runtime.tasks.transfer.setup import TransferRequest, TransferSetup, forgotten, opened

ALONE = World(0, 1, torch.device("cpu"))
BATCH = 16


def setup(folder: Path, task: str, processes: int = 1) -> TransferSetup:
    """A transfer of which nothing is kept, by steps of 16 images (texts)."""
    MAKE[task](folder / task)
    save(network("column"), folder / "model", {})
    request = TransferRequest(recipe(task, {"batch": BATCH}), folder / "model", folder / task)
    made = opened(request, ALONE, 0)
    return forgotten(made, World(0, processes, torch.device("cpu")), 0)


def clocked(monkeypatch: pytest.MonkeyPatch, seconds_an_image: float) -> list[int]:
    """How many images each timed step takes; a step takes so long for each."""
    taken: list[int] = []

    def seconds_a_step(training: Training, world: World, budget: float, stopped: str) -> float:
        (parts,) = list(training.objective.batches(0, 1, training.micro, world))
        taken.append(sum(part.size for part in parts))
        return seconds_an_image * taken[-1]

    monkeypatch.setattr(probe, "seconds_a_step", seconds_a_step)
    return taken


@pytest.mark.parametrize("task", sorted(RECIPES))
def test_a_slow_step_is_told_by_steps_of_few_images(
    task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = setup(tmp_path, task)
    taken = clocked(monkeypatch, 60.0)
    step_time = probe.step_time(made, ALONE)
    few = 2 * made.data.multiple
    assert taken == [few]
    assert step_time == probe.StepTime(60.0 * BATCH, few)


def test_a_quick_step_is_made_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = setup(tmp_path, "segment")
    taken = clocked(monkeypatch, 0.001)
    assert probe.step_time(made, ALONE) == probe.StepTime(pytest.approx(0.001 * BATCH), BATCH)
    assert taken == [2, BATCH]


def test_a_step_between_is_told_by_as_many_images_as_take_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = setup(tmp_path, "segment")
    taken = clocked(monkeypatch, 0.25)
    assert probe.step_time(made, ALONE) == probe.StepTime(0.25 * BATCH, 4)
    assert taken == [2, 4]


def test_processes_share_the_images_that_are_timed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = setup(tmp_path, "segment", processes=4)
    taken = clocked(monkeypatch, 60.0)
    step_time = probe.step_time(made, World(3, 4, torch.device("cpu")))
    assert taken == [2]
    assert step_time.seconds == 60.0 * BATCH / 4
