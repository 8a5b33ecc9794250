"""A batch in parts: the step of the whole but for rounding; how many fit into memory is found in training."""

from __future__ import annotations

import os
import signal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
from attrs import evolve
from tiny_training import ALONE, RECIPE, Noise, learn, new_setup
from tiny_transfer import new_transfer
from torch import Tensor

from spacelang_runtime.engine import checkpoint
from spacelang_runtime.engine.gradient import attach
from spacelang_runtime.engine.objective import accumulate, parts
from spacelang_runtime.engine.record import Limits
from spacelang_runtime.engine.step import Step
from spacelang_runtime.engine.train import train
from spacelang_runtime.failure import Failure
from spacelang_runtime.tasks.supernet.objective import SupernetSetup, objective
from spacelang_runtime.tasks.supernet.sandwich import KINDS
from spacelang_runtime.tasks.transfer.objective import training

DROPPING = evolve(RECIPE, drop_path=Fraction(1, 2))


@pytest.mark.parametrize(("count", "micro"), [(8, 0), (8, 3), (8, 8), (7, 4), (3, 1), (5, 9)])
def test_parts_are_all_rows_once_and_as_even_as_can_be(count: int, micro: int) -> None:
    rows = [row for part in parts(count, micro) for row in range(count)[part]]
    sizes = [part.stop - part.start for part in parts(count, micro)]
    assert rows == list(range(count))
    assert max(sizes) - min(sizes) <= 1
    assert max(sizes) <= (micro or count)


@pytest.mark.parametrize("batches", ["shared", "split"])
@pytest.mark.parametrize("micro", [1, 3, 5])
def test_a_step_in_parts_is_the_step_of_the_whole_with_the_same_branches_dropped(
    tmp_path: Path, micro: int, batches: Any
) -> None:
    setup = new_setup(tmp_path, evolve(DROPPING, batches=batches))
    setup.model.train()
    (batch,) = setup.dataset.train_batches(0, 1, 0, 1, ALONE.device)
    gradient = attach(setup.model.parameters(), notes=len(KINDS) + 2)

    def step(micro: int) -> Tensor:
        gradient.clear()
        made = objective(setup).micro_steps(0, batch, micro, ALONE)
        assert max(one.images for one in made) <= (micro or len(batch.images))
        assert accumulate(made, KINDS, gradient, ALONE, torch.float32, 1.0, lambda: False) == "done"
        return gradient.buffer.clone()

    torch.testing.assert_close(step(micro), step(0), rtol=1e-4, atol=1e-6)


def of(setup: SupernetSetup, most: int, error: BaseException) -> list[int]:
    """Make the memory of a setup bear so many images at a time; gives how many it was asked to, pass by pass."""
    asked: list[int] = []
    forward = setup.model.forward

    def bearing(images: Tensor, *more: Any) -> Tensor:
        asked.append(len(images))
        if len(images) > most:
            raise error
        return forward(images, *more)

    setup.model.forward = bearing
    return asked


ERRORS = [
    torch.OutOfMemoryError("CUDA out of memory"),
    MemoryError(),
    RuntimeError("DefaultCPUAllocator: can't allocate memory"),
]


@pytest.mark.parametrize("error", ERRORS)
def test_how_many_images_memory_bears_is_found_and_the_losses_stay_the_same(
    tmp_path: Path, error: BaseException
) -> None:
    whole: list[Step] = []
    learn(new_setup(tmp_path, DROPPING), whole.append)
    setup, steps = new_setup(tmp_path, DROPPING), []
    asked = of(setup, 3, error)
    learn(setup, steps.append)
    assert asked[:2] == [8, 4]  # halved, until it suffices
    assert set(asked[2:]) == {2}
    assert [bool(step.notice) for step in steps] == [True] + [False] * 11
    assert "at a time: from now on 2" in steps[0].notice
    for step, other in zip(steps, whole, strict=True):
        assert step.losses == pytest.approx(other.losses, rel=1e-3)
    assert checkpoint.load(setup.run.checkpoint, setup.space).state.micro == 2


def test_a_resumed_run_takes_as_many_at_a_time_as_before_and_repeats_the_uncut_one(tmp_path: Path) -> None:
    whole, seen = [], []
    uncut = new_setup(tmp_path, DROPPING)
    of(uncut, 3, MemoryError())
    learn(uncut, whole.append)

    def watch(step: Step) -> None:
        seen.append(step)
        if step.step == 5:
            os.kill(os.getpid(), signal.SIGINT)

    cut = new_setup(tmp_path, DROPPING)
    of(cut, 3, MemoryError())
    with pytest.raises(Failure, match="stopped at step 5"):
        learn(cut, watch)
    again = evolve(new_setup(tmp_path, DROPPING), run=cut.run)
    asked = of(again, 3, MemoryError())
    learn(evolve(again, checkpoint=checkpoint.load(cut.run.checkpoint, cut.space)), seen.append)
    assert set(asked) == {2}
    assert [step.losses for step in seen] == [step.losses for step in whole]


def test_as_many_as_asked_for_are_taken_from_the_start(tmp_path: Path) -> None:
    setup = evolve(new_setup(tmp_path, limits=Limits(2)), micro=4)
    asked = of(setup, 8, MemoryError())
    learn(setup)
    assert set(asked) == {4}


def test_memory_that_does_not_bear_one_image_ends_the_run(tmp_path: Path) -> None:
    setup = new_setup(tmp_path)
    of(setup, 0, torch.OutOfMemoryError("CUDA out of memory"))
    with pytest.raises(Failure, match="does not hold a step that takes 1 image at a time") as failure:
        learn(setup)
    assert "--checkpointing" in failure.value.remedy
    assert list(tmp_path.iterdir()) == []


def test_the_batch_that_did_not_fit_is_asked_for_again(tmp_path: Path) -> None:
    asked = []

    class Counting(Noise):
        def train_batches(self, first_step: int, steps: int, *where: Any) -> Any:
            asked.append((first_step, steps))
            return super().train_batches(first_step, steps, *where)

    setup = new_setup(tmp_path, dataset=Counting())
    of(setup, 4, MemoryError())
    learn(setup)
    assert asked == [(0, 12), (0, 12)]


@pytest.mark.parametrize(("task", "batch", "expected"), [("segment", 8, 2), ("vqa", 16, 4)])
def test_a_task_finds_how_many_images_memory_bears(tmp_path: Path, task: str, batch: int, expected: int) -> None:
    """For vqa, whose batch is counted in texts, whole images of four texts each."""
    setup, steps = new_transfer(tmp_path, task, {"batch": batch}), []
    asked: list[int] = []
    forward = setup.model.forward

    def bearing(part: Any) -> Any:
        asked.append(part.size)
        if part.size > expected:
            raise MemoryError
        return forward(part)

    setup.model.forward = bearing
    train(training(setup, lambda *_: None), ALONE, steps.append)
    assert list(dict.fromkeys(asked)) == [size for size in (16, 8, 4, 2) if expected <= size <= batch]
    assert f"at a time: from now on {expected}" in steps[0].notice
    assert len(steps) == 4

    class Full(torch.nn.Module):
        def forward(self, part: Any) -> Any:
            raise MemoryError

    setup.model.forward = Full().forward
    with pytest.raises(Failure, match="and fewer cannot be"):
        train(training(setup, lambda *_: None), ALONE, steps.append)


def test_a_task_in_parts_that_were_found_is_the_task_in_parts_that_were_asked_for(tmp_path: Path) -> None:
    asked, found = [], []
    train(training(new_transfer(tmp_path, "segment", {"micro": 2}), lambda *_: None), ALONE, asked.append)
    setup = new_transfer(tmp_path, "segment")
    forward, full = setup.model.forward, [True]

    def bearing(part: Any) -> Any:
        if full.pop() if full else False:
            raise MemoryError
        return forward(part)

    setup.model.forward = bearing
    train(training(setup, lambda *_: None), ALONE, found.append)
    assert [step.losses for step in found] == [step.losses for step in asked]
