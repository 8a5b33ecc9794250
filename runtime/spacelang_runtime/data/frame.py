"""How a picture is fitted to the square that a network looks at when it is scored."""

from __future__ import annotations

from PIL import Image

from spacelang_runtime.preprocessing import Preprocessing


def framed(picture: Image.Image, side: int, preprocessing: Preprocessing) -> Image.Image:
    """The middle of a picture, `side` × `side` pixels, after one resize of all of it.

    Every number is rounded as torchvision's Resize and CenterCrop round it, which timm's transform is made of: the
    shorter and the longer side down, and half a margin to the nearest whole number, to the even one of two.
    """
    shorter, wanted = min(picture.size), preprocessing.shorter(side)
    size = width, height = [int(wanted * length / shorter) for length in picture.size]
    if (width, height) != picture.size:
        picture = picture.resize((width, height), Image.Resampling[preprocessing.interpolation.upper()])
    left, top = (round((length - side) / 2) for length in size)
    return picture.crop((left, top, left + side, top + side))
