"""Where pictures are read from: encoded ones of any form of data, those held decoded in memory, or one grey array.

All answer the same: how many, and `read(index)` for an RGB picture (or `Broken`). Encoded ones are read with a
limit to the shorter side: what is trained on is decoded no larger than training needs, which is faster; what is
scored is decoded whole. The limit is the same on disk and in memory, so holding pictures in memory changes none.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from attrs import define, evolve, field, frozen
from numpy.typing import NDArray
from PIL import Image

from spacelang_runtime.data.decode import ANY_SIDE, Broken, header, picture_in, size_at, size_in
from spacelang_runtime.data.encoded import Encoded, Which
from spacelang_runtime.data.mapped import mapped, place_of

MEASURED = 2000  # pictures whose sizes stand for those of all


class Pictures(Protocol):
    """RGB pictures by index."""

    def __len__(self) -> int: ...

    def read(self, index: int) -> Image.Image: ...


@frozen
class Files:
    """Encoded pictures. most: limit of the shorter side in pixels, where they are decoded."""

    encoded: Encoded
    most: int

    def __len__(self) -> int:
        return len(self.encoded)

    def name(self, index: int) -> str:
        return self.encoded.name(index)

    def read(self, index: int) -> Image.Image:
        return self.picture(index, self.content(index))

    def header(self, index: int) -> None:
        """Read the header of a picture, and nothing else. Raises `Broken` where it has none."""
        try:
            with self.encoded.open(index) as file:
                header(file, self.name(index))
        except OSError as error:
            raise Broken(self.name(index), error.strerror or str(error)) from None

    def content(self, index: int) -> bytes:
        """The bytes of an encoded picture. Raises `Broken`."""
        try:
            return self.encoded.read(index)
        except OSError as error:
            raise Broken(self.name(index), error.strerror or str(error)) from None

    def picture(self, index: int, content: bytes) -> Image.Image:
        """What `read` gives, from the bytes of it."""
        return picture_in(content, self.name(index), self.most)

    def take(self, which: Which) -> Files:
        return Files(self.encoded.take(which), self.most)

    def whole(self) -> Files:
        """The same pictures, read as they are."""
        return evolve(self, most=ANY_SIDE)

    def shorter_sides(self) -> list[int]:
        """The shorter sides of the pictures in pixels, or of 2 000 spread evenly over the list where there are
        more; what is no picture is left out."""
        sample = np.linspace(0, len(self) - 1, min(MEASURED, len(self))).round().astype(int)
        with ThreadPoolExecutor(8) as pool:  # a network drive answers each question late, and several at once
            return [min(size) for size in pool.map(self._size, sample.tolist()) if size is not None]

    def decoded_bytes(self) -> int:
        """About how many bytes all of them take decoded, by the headers of 64 spread over the list."""
        sample = np.linspace(0, len(self) - 1, min(64, len(self))).astype(int)
        sizes = [self._size(index) for index in sample.tolist()]
        return int(len(self) * np.mean([size_at(size, self.most) if size else 0 for size in sizes]))

    def _size(self, index: int) -> tuple[int, int] | None:
        """Width and height of a picture, from its header; None where it has none."""
        try:
            with self.encoded.open(index) as file:
                return size_in(file)
        except OSError:
            return None


@define(eq=False)
class Held:
    """Files that have been decoded.

    pixels: their bytes, each picture behind the other, in memory or mapped from a file. shapes: [n, 2], height and
    width, both 0 where a file was broken. starts: [n], where each picture begins among the bytes.
    """

    files: Files
    pixels: NDArray[np.uint8]
    shapes: NDArray[np.int64]
    starts: NDArray[np.int64] = field(init=False)

    def __attrs_post_init__(self) -> None:
        sizes = 3 * self.shapes.prod(1)
        self.starts = sizes.cumsum() - sizes

    def __len__(self) -> int:
        return len(self.files)

    def read(self, index: int) -> Image.Image:
        height, width = self.shapes[index].tolist()
        if not height:
            raise Broken(self.files.name(index), "it was broken when the images were decoded")
        start = self.starts[index]
        pixels = self.pixels[start : start + 3 * width * height]
        return Image.frombuffer("RGB", (width, height), pixels, "raw", "RGB", 0, 1)

    def __reduce__(self) -> tuple[Any, ...]:
        """How it is sent to a process that shares no memory: pixels that are mapped are mapped there too."""
        return _sent, (self.files, place_of(self.pixels) or self.pixels, self.shapes)


def _sent(files: Files, pixels: NDArray[np.uint8] | Path, shapes: NDArray[np.int64]) -> Held:
    return Held(files, mapped(pixels) if isinstance(pixels, Path) else pixels, shapes)


@frozen
class Grey:
    """Grey pictures of one size, [n, side, side], in memory."""

    array: NDArray[np.uint8] = field(eq=False)

    def __len__(self) -> int:
        return len(self.array)

    def read(self, index: int) -> Image.Image:
        return Image.fromarray(self.array[index]).convert("RGB")

    def take(self, which: Which) -> Grey:
        return Grey(self.array[which])

    def whole(self) -> Grey:
        """The same pictures: they are read as they are."""
        return self

    def shorter_sides(self) -> list[int]:
        """The shorter sides of the pictures: all have one size."""
        return [min(self.array.shape[1:])]
