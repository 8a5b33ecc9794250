"""A view of a picture: cropped, flipped, distorted, erased by chance, as the recipe says."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray
from PIL import Image, ImageOps
from timm.data.auto_augment import RandAugment, rand_augment_transform
from timm.data.random_erasing import RandomErasing
from timm.data.transforms import RandomResizedCropAndInterpolation

from spacelang.recipe import Train
from spacelang_runtime.data.frame import framed
from spacelang_runtime.data.normalise import MEAN, moments


@frozen
class View:
    """What happens to a picture on its way into a batch, in this order. It draws from the global generators.

    crop: random resized crop, or None for the frame that scoring uses. flip: probability of a mirror image.
    distort: RandAugment. erasing: probability of a rectangle of noise.
    """

    side: int
    channels: int
    crop: RandomResizedCropAndInterpolation | None
    flip: float
    distort: RandAugment | None
    erasing: float

    def __call__(self, picture: Image.Image) -> NDArray[np.uint8]:
        """One view, [channels, side, side]."""
        picture = self.crop(picture) if self.crop else framed(picture, self.side)
        if random.random() < self.flip:
            picture = ImageOps.mirror(picture)
        if self.distort:
            picture = self.distort(picture)
        view = planes(picture, self.channels)
        return erased(view) if random.random() < self.erasing else view


def view_of(recipe: Train, side: int, channels: int) -> View:
    """The views of a recipe."""
    crop = float(recipe.crop)
    return View(
        side=side,
        channels=channels,
        crop=RandomResizedCropAndInterpolation(side, (crop, 1.0), interpolation="bicubic") if crop < 1 else None,
        flip=float(recipe.flip),
        distort=rand_augment(float(recipe.rand_augment), side) if recipe.rand_augment else None,
        erasing=float(recipe.erasing),
    )


def planes(picture: Image.Image, channels: int) -> NDArray[np.uint8]:
    """A picture as [channels, height, width], for 3 channels, or for 1 its luma."""
    if channels == 1:
        return np.asarray(picture.convert("L"))[None]
    return np.asarray(picture).transpose(2, 0, 1)


def rand_augment(magnitude: float, side: int) -> RandAugment:
    """timm's RandAugment: two of its increasing operations, the magnitude with a standard deviation of 0.5.

    These are the settings with which DeiT, Swin and AutoFormer were trained.
    """
    # Rectangles that an operation leaves open take the mean colour; shifts are relative to the side.
    fill = tuple(round(255 * mean) for mean in MEAN)
    augment = rand_augment_transform("rand-mstd0.5-inc1", {"translate_const": int(0.45 * side), "img_mean": fill})
    for operation in augment.ops:
        operation.magnitude = magnitude
        if operation.name == "PosterizeIncreasing":
            operation.level_fn = _bits_kept
    return augment


def _bits_kept(level: float, _: object) -> tuple[int]:
    # timm's own scale reaches 0 bits at level 10, which Pillow refuses from version 13 on (and is a black image).
    return (max(1, 4 - int(level * 4 / 10)),)


_erase: Callable[[torch.Tensor], torch.Tensor] = RandomErasing(probability=1, mode="pixel", device="cpu")


def erased(view: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The view with a rectangle of noise, 2 % to a third of its area (Zhong et al., 2017; timm's).

    The noise is normal in the network's own scale, so it has the mean and the spread of an image; rounded to bytes.
    """
    noise = _erase(torch.full(view.shape, torch.nan))
    mean, std = moments(len(view), torch.device("cpu"))
    pixels = (noise * std + mean).round().clamp(0, 255)
    return torch.where(noise.isnan(), torch.from_numpy(view.copy()), pixels.nan_to_num().to(torch.uint8)).numpy()
