"""Training as TensorBoard shows it: scalars in `runs/NAME/tensorboard`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from spacelang_runtime.engine.step import Observe, Step

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
