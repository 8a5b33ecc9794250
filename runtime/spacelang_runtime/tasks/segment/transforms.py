"""Crops to train on, as MMSegmentation's recipes for Swin make them: a random scale, a crop in which no class has
more than three quarters, mirrored or not, light and colours changed."""

from __future__ import annotations

import random
from typing import NamedTuple

import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torchvision.transforms import v2

from spacelang_runtime.engine.objective import in_parts
from spacelang_runtime.preprocessing import MEAN
from spacelang_runtime.seeding import borrowed_generators, seed_generators
from spacelang_runtime.tasks.recipe import Segment
from spacelang_runtime.tasks.replaced import Taken, replaced
from spacelang_runtime.tasks.sampler import EpochSampler
from spacelang_runtime.tasks.segment.layout import VOID, ImageMaskPair, opened

LARGEST = 0.75  # share of a crop that one class may have
TRIES = 10
GREY = tuple(round(255 * mean) for mean in MEAN)


class Crops(NamedTuple):
    """A batch. images: uint8 [B, 3, side, side]. labels: uint8 [B, side, side], VOID where there is no class."""

    images: Tensor
    labels: Tensor

    @property
    def size(self) -> int:
        return len(self.images)


@frozen
class SegmentBatches:
    """The training batches of a rank by step, in parts of at most `micro` images."""

    pairs: tuple[ImageMaskPair, ...]
    classes: int
    recipe: Segment
    order: EpochSampler
    micro: int
    rank: int
    world: int

    def __call__(self, step: int) -> Taken:
        chosen, broken = list(self.order.of(step, self.rank, self.world)), list[str]()
        return Taken([self._batch(part, broken) for part in in_parts(chosen, self.micro)], broken)

    def _batch(self, chosen: list[tuple[int, int]], broken: list[str]) -> Crops:
        with borrowed_generators():
            samples = [
                replaced(lambda item, seed=seed: self.sample(item, seed), index, len(self.pairs), broken)
                for index, seed in chosen
            ]
        return Crops(torch.stack([image for image, _ in samples]), torch.stack([labels for _, labels in samples]))

    def sample(self, index: int, seed: int) -> tuple[Tensor, Tensor]:
        """A crop of a pair."""
        chance, recipe = random.Random(seed), self.recipe
        image, labels = opened(self.pairs[index], self.classes, recipe)
        factor = chance.uniform(*recipe.scales)
        if recipe.resize:
            factor *= recipe.resize / min(image.size)
        size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
        labels = np.asarray(Image.fromarray(labels).resize(size, Image.Resampling.NEAREST))
        picture, target = cropped(image, labels, place(labels, recipe.crop, chance), recipe.crop)
        if chance.random() < recipe.flip:
            picture, target = picture.flip(-1), target.flip(-1)
        if recipe.distortion:
            seed_generators(seed)
            picture = DISTORTION(picture)
        return picture, target


DISTORTION = v2.RandomPhotometricDistort(p=0.5)


def place(labels: NDArray[np.uint8], side: int, chance: random.Random) -> tuple[int, int]:
    """The upper left corner of a crop, drawn up to ten times until no class has too much of it."""
    high, wide = labels.shape
    for _ in range(TRIES):
        left, top = chance.randint(0, max(0, wide - side)), chance.randint(0, max(0, high - side))
        counts = np.bincount(labels[top : top + side, left : left + side].ravel(), minlength=VOID + 1)[:VOID]
        if (counts > 0).sum() > 1 and counts.max() < LARGEST * counts.sum():
            break
    return left, top


def cropped(
    image: Image.Image, labels: NDArray[np.uint8], corner: tuple[int, int], side: int
) -> tuple[Tensor, Tensor]:
    """A square of a pair, filled with grey and VOID beyond its ends. labels: already resized; the image is resized
    to their size, but only where it is seen."""
    (left, top), (high, wide) = corner, labels.shape
    right, bottom = min(wide, left + side), min(high, top + side)
    across, down = image.width / wide, image.height / high
    part = image.resize(
        (right - left, bottom - top),
        Image.Resampling.BILINEAR,
        box=(left * across, top * down, right * across, bottom * down),
    )
    canvas = Image.new("RGB", (side, side), GREY)
    canvas.paste(part)
    target = np.full((side, side), VOID, dtype=np.uint8)
    target[: bottom - top, : right - left] = labels[top:bottom, left:right]
    return torch.from_numpy(np.array(canvas)).permute(2, 0, 1).contiguous(), torch.from_numpy(target)
