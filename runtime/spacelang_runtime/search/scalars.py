"""A search as TensorBoard shows it: scalars in `runs/NAME/tensorboard`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch.utils.tensorboard import SummaryWriter

from spacelang_runtime.engine.run import RunFolder
from spacelang_runtime.search.journal_rows import GenerationSummary


@contextmanager
def searching(run: RunFolder, number: int) -> Iterator[Callable[[GenerationSummary], None]]:
    """An observer of the generations of a run's search of that number."""
    writer = SummaryWriter(str(run.tensorboard / f"search-{number}"), purge_step=0)

    def observe(generation: GenerationSummary) -> None:
        at = generation.number
        writer.add_scalar("search/best", generation.best / (generation.images or 1), at)
        if generation.loss is not None:
            writer.add_scalar("search/loss of the best", generation.loss, at)
        writer.add_scalar("search/spread", generation.spread, at)
        writer.add_scalar("search/images spent", generation.spent, at)
        writer.add_scalar("search/images saved", generation.saved, at)
        if generation.volume is not None:
            writer.add_scalar("search/hypervolume", generation.volume, at)

    try:
        yield observe
    finally:
        writer.close()
