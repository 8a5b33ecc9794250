"""How a picture is fitted to the square that a network looks at when it is scored."""

from __future__ import annotations

from PIL import Image

SHARE = 0.875  # of the resized shorter side that the crop keeps, as in the published ImageNet figures


def framed(picture: Image.Image, side: int) -> Image.Image:
    """The middle of a picture, `side` × `side` pixels.

    A larger picture is resized (bicubic) until its shorter side is side / 0.875, and the middle cut out; a smaller
    one until its shorter side is `side`; one of exactly `side` × `side` stays as it is.
    """
    shorter = min(picture.size)
    wanted = round(side / SHARE) if shorter > side else side
    if shorter != wanted:
        width, height = (max(wanted, round(length * wanted / shorter)) for length in picture.size)
        picture = picture.resize((width, height), Image.Resampling.BICUBIC)
    left, top = ((length - side) // 2 for length in picture.size)
    return picture.crop((left, top, left + side, top + side))
