"""A labelled split: pictures with their classes that networks are scored on, read by worker processes."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing

import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray
from torch import Tensor

from spacelang.architecture import Frame
from spacelang_runtime.data.batch import LEAST, PIECE, FramedSplit
from spacelang_runtime.data.decode import ANY_SIDE
from spacelang_runtime.data.digits import digits
from spacelang_runtime.data.forms.known import listed
from spacelang_runtime.data.frame import Framing
from spacelang_runtime.data.listing import TESTS, Listing
from spacelang_runtime.data.normalise import normalise
from spacelang_runtime.data.pictures import Files, Grey
from spacelang_runtime.data.prefetch import whole
from spacelang_runtime.data.skipped import Skipped
from spacelang_runtime.data.source import Split
from spacelang_runtime.data.splits import TestShare, tested, training
from spacelang_runtime.data.training_data import TrainingData, same
from spacelang_runtime.data.workers import worked
from spacelang_runtime.failure import Failure
from spacelang_runtime.preprocessing import Preprocessing

BATCH = 256
BATCHES_AHEAD = 2  # by how many the workers are before the network, at least
CPU = torch.device("cpu")

LabelledBatch = tuple[Tensor, Tensor]


@frozen(eq=False)
class LabelledSplit:
    """A split opened for one frame and one preprocessing, in one fixed order, mixed over the classes: the first n
    images are a fair sample. Each picture is decoded whole and resized once; no augmentation.

    classes: their names; a label is an index into them. skip: told of each broken image, by name and reason.
    """

    name: str
    classes: tuple[str, ...]
    split: Split
    frame: Frame
    preprocessing: Preprocessing
    workers: int
    skip: Skipped

    def __len__(self) -> int:
        """Its images, the broken ones counted too: they are found when they are read."""
        return len(self.split)

    @property
    def pictures(self) -> Files | Grey:
        return self.split.pictures

    @property
    def labels(self) -> NDArray[np.int64]:
        return self.split.labels

    @property
    def framing(self) -> Framing:
        """What is made of each picture."""
        return Framing(self.frame.image, self.frame.channels, self.preprocessing)

    def batches(self, batch: int = BATCH, device: torch.device = CPU) -> Generator[LabelledBatch, None, None]:
        """(uint8 [b, channels, side, side], int64 [b]) pairs on a device, read ahead; none is kept.

        Broken images are left out, so a batch may be smaller. Close it where it is left before its end: its workers
        end with it.
        """
        parts = -(-batch // max(LEAST, PIECE // (self.frame.channels * self.frame.image**2)))
        job = FramedSplit(self.split, self.framing, batch, parts)
        workers = self.workers if isinstance(self.pictures, Files) else 0
        numbers = range(parts * -(-len(self) // batch))
        pieces = worked(job, numbers, workers, pin=device.type == "cuda", ahead=BATCHES_AHEAD * parts)
        with closing(pieces):
            for images in whole(pieces, parts, device):
                for name, reason in images.broken:
                    self.skip(name, reason)
                yield images.images, images.labels

    def first(self, count: int) -> Tensor:
        """Of the first images so many, fewer where there are no more: uint8 [n, channels, side, side] on the
        CPU."""
        found: list[Tensor] = []
        with closing(self.batches(min(count, BATCH))) as batches:
            for images, _ in batches:
                found.append(images)
                if sum(map(len, found)) >= count:
                    break
        return torch.cat(found)[:count]

    def normalise(self, images: Tensor) -> Tensor:
        """Its images as a network reads them: see `normalise`."""
        return normalise(images, self.preprocessing)


def labelled(
    name: str,
    classes: tuple[str, ...],
    split: Split,
    frame: Frame,
    preprocessing: Preprocessing,
    workers: int,
    skip: Skipped,
) -> LabelledSplit:
    """The pictures of a split to score on: whole, and by their rank, which mixes the classes."""
    ordered = split.take(np.argsort(split.rank)).whole()
    return LabelledSplit(name, classes, ordered, frame, preprocessing, workers, skip)


def open_split(
    where: str,
    frame: Frame,
    preprocessing: Preprocessing,
    workers: int,
    say: Callable[[str], None],
    held_out: TestShare | None = None,
    learned: TrainingData | None = None,
) -> LabelledSplit:
    """The test images at `where`: "digits", or those of data of any form; all of its images, where it is one
    split, or those held out of them. Training images are not looked at, and need not be there.

    frame: its image side and channels are what pictures are turned into. workers: processes that decode; 0: none.
    learned: what the model that is tested was trained on. Of the same data, what that training has held out is
    tested; of other data of one split, all images are. Both are said; so is that `held_out` is another part of the
    same data. Files are listed, not read. Raises `Failure` for data that cannot be used.
    """
    require_channels(frame)
    if where == "digits":
        source = digits(frame.image)
        name, classes, split = source.name, source.classes, source.test
    else:
        listing = _listed(where, held_out, learned)
        for line in listing.said:
            say(line)
        if listing.part(*TESTS) is None:
            held_out = _held_out(listing, held_out, learned, say)
        name, (classes, split) = listing.name, tested(listing, ANY_SIDE, held_out)
    return labelled(name, classes, split, frame, preprocessing, workers, Skipped(say))


def _listed(where: str, held_out: TestShare | None, learned: TrainingData | None) -> Listing:
    """The data at `where`: with its training images where some of these may have to be tested."""
    if held_out is None and learned is not None:
        try:
            whole = listed(where)
        except Failure:  # test images alone
            return listed(where, only_test=True)
        if whole.part(*TESTS) is None:
            return whole
    return listed(where, only_test=held_out is None)


def _held_out(
    listing: Listing, asked: TestShare | None, learned: TrainingData | None, say: Callable[[str], None]
) -> TestShare | None:
    """What is tested of data of one split: what is asked for, else what the training of a model has held out of it;
    None where it is to be tested as a whole."""
    own = learned.share if learned is not None and same(listing, learned) else None
    if asked is None and own is None:
        say(
            f"{listing.name} has no test split: all of its images are tested, those of the model's training too if "
            "it holds them; --test-share and --test-seed as of its training leave these out"
        )
    elif asked is None:
        say(f"{listing.name} has no test split: tested as the model was trained, on {own}")
        _say_seen(learned, say)
    elif own is not None and asked != own:
        say(
            f"the model was trained on {listing.name}, with {own}: it may have learned from some of the images "
            "that are tested; leave out --test-share to test those that it has not seen"
        )
    elif own is not None:
        _say_seen(learned, say)
    return asked or own


def _say_seen(learned: TrainingData | None, say: Callable[[str], None]) -> None:
    if learned is not None and learned.seen:
        say("the model was trained from weights that may have learned from some of the images that are tested")


def open_training(
    where: str,
    frame: Frame,
    preprocessing: Preprocessing,
    workers: int,
    say: Callable[[str], None],
    held_out: TestShare | None = None,
    learned: TrainingData | None = None,
) -> LabelledSplit:
    """The training images at `where`, looked at as test images are: what ranges of a quantised network are taken
    from.

    The words are those of `open_split`; images that a run has held out for its search are among them. Raises
    `Failure` for data that cannot be used, and where no others are there to test on.
    """
    require_channels(frame)
    if where == "digits":
        source = digits(frame.image)
        name, classes, split = source.name, source.classes, source.train
    else:
        listing = listed(where)
        for line in listing.said:
            say(line)
        if held_out is None and learned is not None and listing.part(*TESTS) is None and same(listing, learned):
            held_out = learned.share
        name, (classes, split) = listing.name, training(listing, 2 * frame.image, held_out)
    return labelled(name, classes, split, frame, preprocessing, workers, Skipped(say))


def require_channels(frame: Frame) -> None:
    """Refuse a number of channels that pictures cannot have."""
    if frame.channels not in (1, 3):
        raise Failure(
            f"channels = {frame.channels}: pictures have 3 channels, or 1 where they are to be grey",
            "write channels = 3 in the space",
        )
