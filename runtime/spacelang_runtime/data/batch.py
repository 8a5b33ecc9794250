"""The jobs of the workers: the views of a part of a step, or only the boxes that they show; images to score."""

from __future__ import annotations

import random
from typing import NamedTuple

import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from spacelang_runtime.data.augment import View
from spacelang_runtime.data.decode import Broken
from spacelang_runtime.data.frame import Framing
from spacelang_runtime.data.pictures import Pictures
from spacelang_runtime.data.sampler import Sampler
from spacelang_runtime.data.source import Split
from spacelang_runtime.failure import Failure
from spacelang_runtime.seeding import borrowed_generators, seed_generators, seed_of

# A piece has as many images as make up so many bytes, and so many at least: to receive one takes about as long,
# whatever is in it.
LEAST, PIECE = 32, 3 * 2**20
PATIENCE = 50  # broken images in a row before it is the disk that must be broken


class ImageBatch(NamedTuple):
    """images: uint8 [b, channels, side, side]. labels: int64 [b]. broken: (name, reason) of what cannot be read."""

    images: Tensor
    labels: Tensor
    broken: list[tuple[str, str]]


@frozen
class Views:
    """The cropped images of training, for one rank, in pieces: each step has `parts` of them.

    Pieces let workers share in the next step, and need little of the memory that processes share. Each view is
    drawn from a seed of its own (the recipe's seed, the epoch, the position in it), so it is the same whoever makes
    it. A broken picture is replaced by the next in the list that can be read, with that one's class.
    """

    pictures: Pictures
    labels: NDArray[np.int64]
    schedule: Sampler
    view: View
    rank: int
    world: int

    @property
    def parts(self) -> int:
        return -(-self._own // max(LEAST, PIECE // (self.view.channels * self.view.side**2)))

    @property
    def _own(self) -> int:
        """This rank's share of a batch."""
        return len(range(self.rank, self.schedule.batch, self.world))

    def __call__(self, number: int) -> ImageBatch:
        schedule, (step, part) = self.schedule, divmod(number, self.parts)
        place = (step, self.rank, self.world)
        rows = slice(part * self._own // self.parts, (part + 1) * self._own // self.parts)
        indices, views = schedule.indices(*place)[rows], []
        broken: list[tuple[str, str]] = []
        with borrowed_generators():
            for slot, position in enumerate(schedule.positions(*place)[rows]):
                picture, indices[slot] = self.readable(int(indices[slot]), broken)
                seed_generators(seed_of("view", schedule.seed, schedule.epoch(step), position))
                views.append(self.view(picture))
        return ImageBatch(torch.from_numpy(np.stack(views)), torch.from_numpy(self.labels[indices]), broken)

    def readable(self, index: int, broken: list[tuple[str, str]]) -> tuple[Image.Image, int]:
        """A picture, or the next one that can be read, and its index. broken: told of those that cannot."""
        for candidate in range(index, index + PATIENCE):
            try:
                return self.pictures.read(candidate % len(self.labels)), candidate % len(self.labels)
            except Broken as error:
                broken.append((error.name, error.reason))
        name, reason = broken[-1]
        raise Failure(
            f"{name}: {reason}; it is the last of {PATIENCE} images in a row that cannot be read",
            "check that the disk is still there and that these files are images",
        )


@frozen
class Boxes:
    """Where `Views` crops, for a device that holds the pictures itself: each step is one piece, and its `images`
    are int64 [b, 5], a picture's index, then top, left, height and width of its box."""

    views: Views

    def __call__(self, step: int) -> ImageBatch:
        views, schedule = self.views, self.views.schedule
        place = (step, views.rank, views.world)
        broken: list[tuple[str, str]] = []
        indices, positions = schedule.indices(*place), schedule.positions(*place)
        boxes = np.empty((len(indices), 5), dtype=np.int64)
        with borrowed_generators():
            for slot, position in enumerate(positions):
                picture, boxes[slot, 0] = views.readable(int(indices[slot]), broken)
                random.seed(seed_of("view", schedule.seed, schedule.epoch(step), position))  # a box draws no other
                boxes[slot, 1:] = views.view.box(picture)
        return ImageBatch(torch.from_numpy(boxes), torch.from_numpy(views.labels[boxes[:, 0]]), broken)


@frozen
class FramedSplit:
    """The images of a split to score, framed, each batch in so many `parts`; the broken ones are left out."""

    split: Split
    framing: Framing
    batch: int
    parts: int

    def __call__(self, number: int) -> ImageBatch:
        batch, part = divmod(number, self.parts)
        indices = np.arange(batch * self.batch, min((batch + 1) * self.batch, len(self.split)))
        indices = indices[part * len(indices) // self.parts : (part + 1) * len(indices) // self.parts]
        side = self.framing.side
        images = np.empty((len(indices), self.framing.channels, side, side), dtype=np.uint8)
        readable = np.ones(len(indices), dtype=np.bool_)
        broken: list[tuple[str, str]] = []
        for slot, index in enumerate(indices.tolist()):
            try:
                images[slot] = self.framing(self.split.pictures.read(index))
            except Broken as error:
                readable[slot] = False
                broken.append((error.name, error.reason))
        if broken:
            images = images[readable]
        labels = self.split.labels[indices[readable]]
        return ImageBatch(torch.from_numpy(images), torch.from_numpy(labels), broken)
