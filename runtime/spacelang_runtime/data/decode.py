"""A file to an RGB picture."""

from __future__ import annotations

import warnings
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError, features

# The decoders that may run, whatever a file calls itself: of all that Pillow knows, some start other programs.
AVIF = "avif" in features.modules and features.check("avif")  # as Pillow was built
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM", "JPEG2000", *(("AVIF",) if AVIF else ()))
# How the names of pictures end, in small letters.
SUFFIXES = (
    *(".jpg", ".jpeg", ".jfif", ".jpe", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".j2k", *((".avif",) if AVIF else ())),
)
NAMED = "JPEG, PNG, WebP, BMP, TIFF or GIF"  # the formats that people have, in words
ORIENTATION = 0x0112  # the tag that says how a picture is to be turned
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
ANY_SIDE = 100_000  # pixels: as a limit, pictures are read whole, as they are


class Broken(Exception):
    """A file that is no picture, or half of one. `name` tells which, `reason` why."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)
        self.name = name
        self.reason = reason


def decode(path: Path, most: int) -> Image.Image:
    """The picture in a file, in RGB, its shorter side at most `most` pixels: see `picture_in`. Raises `Broken`."""
    return picture_in(content_of(path), shown(path), most)


def content_of(path: Path) -> bytes:
    """All bytes of a file. Raises `Broken` where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise Broken(shown(path), error.strerror or str(error)) from None


def turn_of(path: Path) -> Image.Transpose | None:
    """What turns the picture in a file as it is looked at, by its orientation tag; None where it is so already."""
    try:
        with warnings.catch_warnings(), Image.open(path, formats=FORMATS) as file:
            warnings.simplefilter("ignore")
            return TURNS.get(file.getexif().get(ORIENTATION, 1))
    except Exception:  # `decode` will name a file that is no picture; a tag that cannot be read is none
        return None


def picture_in(content: bytes, name: str, most: int) -> Image.Image:
    """The picture that the bytes of a file are, in RGB, its shorter side at most `most` pixels.

    Grey and palette are spread to three channels; transparency is laid over white; CMYK is converted; of 16 bits
    the upper 8 count; of several frames the first. Orientation tags are not followed here, as in the published
    ImageNet figures. name: which picture it is. Raises `Broken`.
    """
    try:
        # Remarks about odd metadata are of no use to a person who waits for a network.
        with warnings.catch_warnings(), Image.open(BytesIO(content), formats=FORMATS) as file:
            warnings.simplefilter("ignore")
            file.draft(None, (most, most))  # a JPEG far larger than that is decoded at 1/2, 1/4 or 1/8
            return shrunk(rgb(file), most)
    except UnidentifiedImageError:
        raise Broken(name, f"not a {NAMED} image") from None
    except Exception as error:  # damaged bytes make decoders raise nearly anything
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise Broken(name, reason) from None


def size_in(file: BinaryIO) -> tuple[int, int] | None:
    """Width and height of the picture that a file begins with, from its header; None for a file that has none."""
    try:
        with warnings.catch_warnings(), Image.open(file, formats=FORMATS) as picture:
            warnings.simplefilter("ignore")
            return picture.size
    except Exception:  # `decode` will name it
        return None


def size_at(size: tuple[int, int], most: int) -> int:
    """How many bytes a picture of that width and height takes decoded, its shorter side at most `most` pixels."""
    return int(3 * size[0] * size[1] * min(1, most / min(size)) ** 2)


def header(file: BinaryIO, name: str) -> None:
    """Read the header of the picture that a file begins with, and nothing else. Raises `Broken` where it has
    none."""
    try:
        with warnings.catch_warnings(), Image.open(file, formats=FORMATS) as picture:
            warnings.simplefilter("ignore")
            picture.size  # noqa: B018  # it is known once the header is read
    except UnidentifiedImageError:
        raise Broken(name, f"not a {NAMED} image") from None
    except Exception as error:  # damaged bytes make decoders raise nearly anything
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise Broken(name, reason) from None


def rgb(image: Image.Image) -> Image.Image:
    """Any picture as RGB: see `decode`."""
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers, and what is white among them is not known")
    if image.mode.startswith("I"):
        image = Image.fromarray((np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    if image.mode == "RGB":  # `convert` would copy it
        image.load()
        return image
    return image.convert("RGB")


def shrunk(image: Image.Image, most: int) -> Image.Image:
    """The picture with its shorter side reduced to `most` pixels, or as it is where that is smaller."""
    shorter = min(image.size)
    if shorter <= most:
        return image
    width, height = (max(most, round(side * most / shorter)) for side in image.size)
    return image.resize((width, height), Image.Resampling.BICUBIC)


def shown(path: Path) -> str:
    """A path as it can be printed, also where its bytes are no text."""
    return str(path).encode("utf-8", "replace").decode()
