"""A trained supernet with its held-out images in place, on which spaces are searched and judged."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from attrs import frozen

from spacelang_runtime.app.watching import Say, Withheld
from spacelang_runtime.app.workers import readers

if TYPE_CHECKING:
    from spacelang.lower.lowered import Lowered
    from spacelang_runtime.engine.run import RunFolder
    from spacelang_runtime.search.pool import Dispatcher

_PREVIEW_IMAGES = 16


@frozen
class ScoringOptions:
    """Where networks are scored. device: `auto`, `cpu`, `cuda` or `cuda:N`. images: so many of those held out;
    None: all. data: where the run's data is now; None: where it was. workers: processes that read images; None:
    as many as suit."""

    device: str = "auto"
    images: int | None = None
    data: str | None = None
    workers: int | None = None


@frozen(eq=False)
class ScoringSetup:
    """All that scoring networks of a run takes. lowered: the run's space. step: of the weights."""

    run: RunFolder
    lowered: Lowered
    dispatch: Dispatcher
    step: int


@contextmanager
def scoring_setup(
    run: RunFolder, lowered: Lowered, options: ScoringOptions, say: Say
) -> Iterator[ScoringSetup | None]:
    """The run with its weights and held-out images in place, as its sole writer; None in a process that only
    helped, at the end. lowered: the run's space.

    Raises `Failure` at once where another process writes the run, and where its data is not what it was.
    """
    from spacelang.lower.cost import price
    from spacelang_runtime.data.decoded import decoded
    from spacelang_runtime.engine.lock import sole_writer
    from spacelang_runtime.engine.supernet import trained_at, unfinished
    from spacelang_runtime.engine.threads import suited
    from spacelang_runtime.search.images import beginning
    from spacelang_runtime.search.images import place as placed
    from spacelang_runtime.search.pool import Dispatcher, follow, join
    from spacelang_runtime.search.scoring import Scorer
    from spacelang_runtime.tasks.supernet.data import dataset_of

    with sole_writer(run.folder), join(options.device) as pool:
        tell = say if pool.is_main else lambda _: None
        # The files of the data are listed while the weights are read and a GPU is made ready.
        with ThreadPoolExecutor(1, "listing") as beside:
            listed = Withheld(tell)
            listing = beside.submit(dataset_of, run, listed, readers(options.workers, spare=0), options.data)
            model, step = trained_at(run, lowered, pool.device)
        if said := unfinished(run):
            tell(said)
        listed.release()
        dataset = listing.result()
        few = options.images or (_PREVIEW_IMAGES if run.record.preview else None)
        if pool.is_main and run.record.data.where != "digits":
            _same_images(run, say)
        images = decoded(dataset.search, few, tell)
        begin = beginning(run.space.train.seed, len(images))
        held_out = placed(images, dataset.frame, pool.device, begin)
        scorer = Scorer(model.requires_grad_(False), held_out, dataset.normalise)
        with suited(price(lowered.largest).flops * held_out.batch, pool.device):
            if not pool.is_main:
                follow(pool, scorer.judge, len(held_out))
                yield None
                return
            if run.record.preview:
                say("this run is a PREVIEW, so is all that is measured on it: its numbers mean nothing")
            yield ScoringSetup(run, lowered, Dispatcher(pool, scorer.judge, len(held_out), begin), step)


def _same_images(run: RunFolder, say: Say) -> None:
    """Say so where a run has scores of images that were made in another way than those that come."""
    from spacelang_runtime.search.journal_file import look

    path = run.folder / "journal.sqlite"
    if not path.exists():
        return
    with look(run.folder) as journal:
        if not journal.whole:
            say(f"{run.name} has scores of images that were decoded at a reduced size; now they are decoded whole")
            say(f"to have all scores alike, move {path} away: networks are then scored anew")
