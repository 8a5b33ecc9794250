"""Training and search as TensorBoard shows them: scalars in `runs/NAME/tensorboard`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from spacelang_runtime.run import Run
from spacelang_runtime.search.journal import Generation
from spacelang_runtime.training.step import Observe, Step

PERIOD = 1.0  # seconds between two points: a curve needs no more, and a fast step should not pay for it


@contextmanager
def scalars(folder: Path, first: int) -> Iterator[Observe]:
    """An observer that writes scalars into a folder. What an earlier part of the run wrote there beyond `first`
    steps is taken back."""
    writer = SummaryWriter(str(folder), purge_step=first if first else None)
    last = float("-inf")

    def observe(step: Step) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < PERIOD and step.progress < 1:
            return
        last = now
        for name, value in points(step):
            writer.add_scalar(name, value, step.step)

    try:
        yield observe
    finally:
        writer.close()


def points(step: Step) -> Iterator[tuple[str, float]]:
    """The scalars of a step by name."""
    for kind, loss in step.losses.items():
        yield f"loss/{kind}", loss
    yield "gradient/norm", step.norm
    yield "gradient/skipped", step.skipped
    yield "schedule/learning rate", step.rate
    yield "speed/images a second", step.images
    yield "speed/share waiting for data", step.waiting


@contextmanager
def searching(run: Run, number: int) -> Iterator[Callable[[Generation, int], None]]:
    """An observer of the generations of a run's search of that number. images: in a full score."""
    writer = SummaryWriter(str(run.tensorboard / f"search-{number}"), purge_step=0)

    def observe(generation: Generation, images: int) -> None:
        at = generation.number
        writer.add_scalar("search/best", generation.best / images, at)
        writer.add_scalar("search/spread", generation.spread, at)
        writer.add_scalar("search/images spent", generation.spent, at)
        writer.add_scalar("search/images saved", generation.saved, at)
        if generation.volume is not None:
            writer.add_scalar("search/hypervolume", generation.volume, at)

    try:
        yield observe
    finally:
        writer.close()
