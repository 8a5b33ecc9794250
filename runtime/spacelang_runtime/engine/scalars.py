"""Training as TensorBoard shows it: scalars in `runs/NAME/tensorboard`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from attrs import define
from torch.utils.tensorboard import SummaryWriter

from spacelang_runtime.engine.step import Step

PERIOD = 1.0  # seconds between two points: a curve needs no more, and a fast step should not pay for it


@define
class Scalars:
    """The one file of a part of a run: TensorBoard goes on to a folder's newest file, and leaves the others."""

    _writer: SummaryWriter
    _last: float = float("-inf")

    def observe(self, step: Step) -> None:
        """Write the scalars of a step, where it is time."""
        now = time.monotonic()
        if now - self._last < PERIOD and step.progress < 1:
            return
        self._last = now
        for name, value in points(step):
            self._writer.add_scalar(name, value, step.step)

    def measured(self, kind: str, figures: Mapping[str, float | None], step: int) -> None:
        """Write the figures of an evaluation at a step, as `kind/NAME`, but for those that are undefined."""
        for name, value in figures.items():
            if value is not None:
                self._writer.add_scalar(f"{kind}/{name}", value, step)
        self._writer.flush()


@contextmanager
def scalars(folder: Path, first: int) -> Iterator[Scalars]:
    """Scalars in a folder. What an earlier part of the run wrote there beyond `first` steps is taken back."""
    with closing(SummaryWriter(str(folder), purge_step=first if first else None)) as writer:
        yield Scalars(writer)


def points(step: Step) -> Iterator[tuple[str, float]]:
    """The scalars of a step by name."""
    for kind, loss in step.losses.items():
        yield f"loss/{kind}", loss
    yield "gradient/norm", step.norm
    yield "gradient/skipped", step.skipped
    yield "schedule/learning rate", step.rate
    yield "speed/images a second", step.images
    yield "speed/share waiting for data", step.waiting
