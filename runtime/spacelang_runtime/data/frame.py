"""How a picture is fitted to the square that a network looks at when it is scored."""

from __future__ import annotations

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from PIL import Image

from spacelang_runtime.preprocessing import Preprocessing

LONGEST = 64  # times the shorter side


@frozen
class Framing:
    """What is made of a picture that networks are scored on: its middle, `side` × `side` pixels of bytes."""

    side: int
    channels: int
    preprocessing: Preprocessing

    def __call__(self, picture: Image.Image) -> NDArray[np.uint8]:
        """The framed picture, [channels, side, side]."""
        return planes(framed(picture, self.side, self.preprocessing), self.channels)

    def __str__(self) -> str:
        crop, interpolation = self.preprocessing.crop, self.preprocessing.interpolation
        return f"framed {self.channels} {self.side} {crop!r} {interpolation}"


@frozen
class Unframed:
    """A picture as it is read, [height, width, 3]."""

    channels: int = 3

    def __call__(self, picture: Image.Image) -> NDArray[np.uint8]:
        return np.asarray(picture)

    def __str__(self) -> str:
        return "unframed"


def framed(picture: Image.Image, side: int, preprocessing: Preprocessing) -> Image.Image:
    """The middle of a picture, `side` × `side` pixels, after one resize of all of it.

    Every number is rounded as torchvision's Resize and CenterCrop round it, which timm's transform is made of: the
    shorter and the longer side down, and half a margin to the nearest whole number, to the even one of two.
    """
    picture = _middle(picture)
    shorter, wanted = min(picture.size), preprocessing.shorter(side)
    size = width, height = [int(wanted * length / shorter) for length in picture.size]
    if (width, height) != picture.size:
        picture = picture.resize((width, height), Image.Resampling[preprocessing.interpolation.upper()])
    left, top = (round((length - side) / 2) for length in size)
    return picture.crop((left, top, left + side, top + side))


def _middle(picture: Image.Image) -> Image.Image:
    """A picture that is far longer than wide, or wider than long, without its ends: they would be cut off anyway,
    and resized they take more memory than there is."""
    most = LONGEST * min(picture.size)
    if max(picture.size) <= most:
        return picture
    left, top = ((max(0, length - most)) // 2 for length in picture.size)
    return picture.crop((left, top, picture.width - left, picture.height - top))


def planes(picture: Image.Image, channels: int) -> NDArray[np.uint8]:
    """A picture as [channels, height, width], for 3 channels, or for 1 its luma."""
    if channels == 1:
        return np.asarray(picture.convert("L"))[None]
    return np.asarray(picture).transpose(2, 0, 1)
