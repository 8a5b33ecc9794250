"""Colours for classes, and words on pictures."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

GOLDEN = 0.61803398875  # turns of the hue: neighbours in number are far in colour


def colour(number: int) -> tuple[int, int, int]:
    """The colour of a class; the first two dozen are easily told apart."""
    shade = ((0.75, 0.95), (0.9, 0.75), (0.45, 1.0))[number % 3]
    red, green, blue = colorsys.hsv_to_rgb((number * GOLDEN + 0.02) % 1, *shade)
    return round(255 * red), round(255 * green), round(255 * blue)


def laid_over(image: Image.Image, classes: NDArray[np.int64], numbers: Sequence[int], share: float) -> Image.Image:
    """A picture with each class of a map [height, width] in its colour over it; other numbers stay clear."""
    picture = np.array(image).astype(np.float32)
    for number in numbers:
        where = classes == number
        picture[where] = (1 - share) * picture[where] + share * np.array(colour(number), dtype=np.float32)
    return Image.fromarray(picture.round().astype(np.uint8))


def font(image: Image.Image) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """A font that suits the size of a picture."""
    return ImageFont.load_default(max(14, round(min(image.size) / 28)))


def tag(image: Image.Image, place: tuple[float, float], words: str, number: int) -> None:
    """Write words in a box of a class's colour, moved so that they lie inside the picture."""
    draw, letters = ImageDraw.Draw(image), font(image)
    right, bottom = draw.textbbox((0, 0), words, font=letters)[2:]
    x = min(max(0, place[0]), image.width - right - 4)
    y = min(max(0, place[1] - bottom - 4), image.height - bottom - 4)
    fill = colour(number)
    draw.rectangle((x, y, x + right + 4, y + bottom + 4), fill=fill)
    dark = 0.3 * fill[0] + 0.59 * fill[1] + 0.11 * fill[2] > 128
    draw.text((x + 2, y + 2), words, fill="black" if dark else "white", font=letters)


def with_words(image: Image.Image, lines: Sequence[str]) -> Image.Image:
    """A picture with lines of text on white below it, wide enough for them."""
    scale = max(1, round(320 / max(image.size)))  # a thumbnail is shown larger
    image = image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)
    letters = font(image)
    boxes = [ImageDraw.Draw(image).textbbox((0, 0), line, font=letters) for line in lines]
    step = max(box[3] for box in boxes) + 6
    wide = max(image.width, *(round(box[2]) + 12 for box in boxes))
    whole = Image.new("RGB", (wide, image.height + round(step * len(lines)) + 8), "white")
    whole.paste(image, ((wide - image.width) // 2, 0))
    draw = ImageDraw.Draw(whole)
    for number, line in enumerate(lines):
        draw.text((6, image.height + 4 + number * step), line, fill="black", font=letters)
    return whole
