"""What happens to the pictures of a training batch by chance, as the recipe says.

A worker crops a picture (`View`): it alone has all of it. Everything after that happens to the whole batch, on the
device that trains (`augmented`): mirror images, RandAugment, rectangles of noise. What is drawn follows from the
recipe's seed and the step, for the batch of all ranks together, of which a rank takes its own rows.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from spacelang.recipe import Train
from spacelang_runtime.data.frame import framed, planes
from spacelang_runtime.data.normalise import moments
from spacelang_runtime.data.rand_augment import drawn, on, rand_augment
from spacelang_runtime.ops.memoize import memoize
from spacelang_runtime.preprocessing import Preprocessing
from spacelang_runtime.seeding import seed_of

if TYPE_CHECKING:
    from timm.data.transforms import RandomResizedCropAndInterpolation


@frozen
class View:
    """A picture on its way into a batch. It draws from the global generators.

    crop: random resized crop, or None for the frame that scoring uses. preprocessing: of that frame.
    """

    side: int
    channels: int
    crop: RandomResizedCropAndInterpolation | None
    preprocessing: Preprocessing

    def __call__(self, picture: Image.Image) -> NDArray[np.uint8]:
        """One view, [channels, side, side]."""
        view = self.crop(picture) if self.crop else framed(picture, self.side, self.preprocessing)
        return planes(view, self.channels)

    def box(self, picture: Image.Image) -> tuple[int, int, int, int]:
        """Where a view lies in a picture: top, left, height and width. Raises ValueError where it is no crop."""
        if self.crop is None:
            raise ValueError("a view that is no crop has no box")
        return self.crop.get_params(picture, self.crop.scale, self.crop.ratio)


def view_of(recipe: Train, side: int, channels: int, preprocessing: Preprocessing) -> View:
    """The views of a recipe. preprocessing: what its networks are scored by."""
    # Here, where a training begins: timm takes seconds to import, and what only scores networks needs none of it.
    from timm.data.transforms import RandomResizedCropAndInterpolation

    crop = float(recipe.crop)
    random = RandomResizedCropAndInterpolation(side, (crop, 1.0), interpolation="bicubic") if crop < 1 else None
    return View(side, channels, random, preprocessing)


def augmented(images: Tensor, recipe: Train, step: int, rank: int, world: int) -> Tensor:
    """The images of a rank (uint8 [b, channels, side, side]) mirrored, distorted, erased; they are overwritten."""
    chance = np.random.default_rng(seed_of("augment", recipe.seed, step))
    own = slice(rank, None, world)
    mirrored = _where(chance.random(recipe.batch)[own] < float(recipe.flip), images)
    if mirrored is not None:
        images.index_copy_(0, mirrored, images[mirrored].flip(-1))
    if recipe.rand_augment:
        turns = drawn(chance, recipe.batch, float(recipe.rand_augment))
        images = rand_augment(images, [turn.take(own) for turn in turns])
    if recipe.erasing:
        chosen = chance.random(recipe.batch) < float(recipe.erasing)
        boxes = rectangles(chance, recipe.batch, images.shape[-1])
        images = erased(images, chosen[own], boxes[own])
    return images


ATTEMPTS = 10  # at a rectangle that is smaller than the image


def rectangles(chance: np.random.Generator, count: int, side: int) -> NDArray[np.int64]:
    """Places to erase, [count, 6]: top, left, height, width, and a place in the noise (Zhong et al., 2017; timm's).

    2 % to a third of the image, from 3:10 to 10:3; height and width are 0 where none fits.
    """
    area = chance.uniform(0.02, 1 / 3, (count, ATTEMPTS)) * side**2
    aspect = np.exp(chance.uniform(-math.log(10 / 3), math.log(10 / 3), (count, ATTEMPTS)))
    sizes = np.stack([np.sqrt(area * aspect), np.sqrt(area / aspect)], 2).round().astype(np.int64)
    fits = (sizes < side).all(2)
    first = sizes[np.arange(count), fits.argmax(1)] * fits.any(1)[:, None]
    places = (chance.random((count, 2)) * (side - first + 1)).astype(np.int64)
    return np.concatenate([places, first, chance.integers(side, size=(count, 2))], 1)


def erased(images: Tensor, chosen: NDArray[np.bool_], boxes: NDArray[np.int64]) -> Tensor:
    """The chosen images, each with its rectangle of noise; they are overwritten."""
    where = _where(chosen, images)
    if where is None:
        return images
    top, left, height, width, down, right = on(boxes[chosen], images.device).T[..., None]
    side = images.shape[-1]
    at = torch.arange(side, device=images.device)
    rows, columns = (at >= top) & (at < top + height), (at >= left) & (at < left + width)
    inside = (rows[:, :, None] & columns[:, None, :])[:, None]
    pixels = noise(images.shape[1], side, images.device)[:, (at + down)[:, :, None], (at + right)[:, None, :]]
    return images.index_copy_(0, where, torch.where(inside, pixels.transpose(0, 1), images[where]))


@memoize
def noise(channels: int, side: int, device: torch.device) -> Tensor:
    """Bytes of noise, [channels, 2 · side, 2 · side], normal in the network's own scale: so it has the mean and the
    spread of images. One for all rectangles, each of which takes another part of it."""
    mean, std = moments(channels, torch.device("cpu"))
    chance = torch.Generator().manual_seed(seed_of("noise") % 2**63)
    pixels = torch.randn(channels, 2 * side, 2 * side, generator=chance) * std + mean
    return pixels.round().clamp(0, 255).to(torch.uint8).to(device)


def _where(chosen: NDArray[np.bool_], images: Tensor) -> Tensor | None:
    """The rows of the chosen images, on the images' device; None for none."""
    return on(np.flatnonzero(chosen), images.device) if chosen.any() else None
