"""A trained supernet with its held-out images, on which spaces are measured and searched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from spacelang.cli.terminal import say
from spacelang.cli.train import readers

if TYPE_CHECKING:
    from spacelang.lower.lowered import Lowered
    from spacelang_runtime.engine.run import Run
    from spacelang_runtime.search.pool import Dispatcher, Pool

_PREVIEW_IMAGES = 16


@frozen(eq=False)
class Bench:
    """All that scoring networks of a run takes. lowered: the run's space. step: of the weights."""

    run: Run
    lowered: Lowered
    waves: Dispatcher
    step: int


def bench(run: Run, lowered: Lowered, crew: Pool, images: int | None, data: str | None = None) -> Bench | None:
    """The run with its weights and held-out images in place; None in a process that only helps, at the end.
    lowered: the run's space. data: where the run's data is now; None: where it was."""
    from spacelang_runtime.data.decoded import decoded
    from spacelang_runtime.engine.supernet import trained_at, unfinished
    from spacelang_runtime.search.images import beginning, place
    from spacelang_runtime.search.pool import Dispatcher, follow
    from spacelang_runtime.search.scoring import Scorer
    from spacelang_runtime.tasks.supernet.data import dataset_of

    tell = say if crew.is_main else lambda _: None
    model, step = trained_at(run, lowered, crew.device)
    if said := unfinished(run):
        tell(said)
    dataset = dataset_of(run, tell, readers(None, spare=0), data)
    few = images or (_PREVIEW_IMAGES if run.record.preview else None)
    if crew.is_main and run.record.data.where != "digits":
        _same_images(run)
    images_ = decoded(dataset.search, few, tell)
    begin = beginning(run.space.train.seed, len(images_))
    held_out = place(images_, dataset.frame, crew.device, begin)
    scorer = Scorer(model, held_out, dataset.normalise)
    if not crew.is_main:
        follow(crew, scorer.judge, len(held_out))
        return None
    if run.record.preview:
        say("this run is a PREVIEW, so is all that is measured on it: its numbers mean nothing")
    return Bench(run, lowered, Dispatcher(crew, scorer.judge, len(held_out), begin), step)


def _same_images(run: Run) -> None:
    """Say so where a run has scores of images that were made in another way than those that come."""
    from spacelang_runtime.search.journal_file import look

    path = run.folder / "journal.sqlite"
    if not path.exists():
        return
    with look(run.folder) as journal:
        if not journal.whole:
            say(f"{run.name} has scores of images that were decoded at a reduced size; now they are decoded whole")
            say(f"to have all scores alike, move {path} away: networks are then scored anew")
