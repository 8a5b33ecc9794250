"""Where pictures are read from: files, files held decoded in memory, or one grey array.

All answer the same: how many, and `read(index)` for an RGB picture (or `Broken`). Files are read with a limit to
the shorter side: what is trained on is decoded no larger than training needs, which is faster; what is scored is
decoded whole. The limit is the same on disk and in memory, so holding pictures in memory changes none of them.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import numpy as np
from attrs import define, evolve, field, frozen
from numpy.typing import NDArray
from PIL import Image

from spacelang_runtime.data.decode import (
    ANY_SIDE,
    Broken,
    content_of,
    decode,
    decoded_bytes,
    picture_in,
    shorter_side,
    shown,
)

Which = NDArray[np.bool_] | NDArray[np.int64]
MEASURED = 2000  # pictures whose sizes stand for those of all


class Pictures(Protocol):
    """RGB pictures by index."""

    def __len__(self) -> int: ...

    def read(self, index: int) -> Image.Image: ...


@frozen
class Files:
    """Pictures in the class folders of a folder.

    names: [n] file names, as an array of bytes, since the reference counts of a million Python strings would have
    every worker copy them. labels: [n], the class folder of each. most: limit of the shorter side in pixels.
    """

    folder: Path
    classes: tuple[str, ...]
    names: NDArray[np.bytes_] = field(eq=False)
    labels: NDArray[np.int64] = field(eq=False)
    most: int

    def __len__(self) -> int:
        return len(self.names)

    def path(self, index: int) -> Path:
        return self.folder / self.classes[self.labels[index]] / os.fsdecode(bytes(self.names[index]))

    def read(self, index: int) -> Image.Image:
        return decode(self.path(index), self.most)

    def content(self, index: int) -> bytes:
        """The bytes of a file. Raises `Broken`."""
        return content_of(self.path(index))

    def picture(self, index: int, content: bytes) -> Image.Image:
        """What `read` gives, from the bytes of the file."""
        return picture_in(content, self.path(index), self.most)

    def take(self, which: Which) -> Files:
        return Files(self.folder, self.classes, self.names[which], self.labels[which], self.most)

    def whole(self) -> Files:
        """The same pictures, read as they are."""
        return evolve(self, most=ANY_SIDE)

    def shorter_sides(self) -> list[int]:
        """The shorter sides of the pictures in pixels, or of 2 000 spread evenly over the list where there are
        more; what is no picture is left out."""
        sample = np.linspace(0, len(self) - 1, min(MEASURED, len(self))).round().astype(int)
        with ThreadPoolExecutor(8) as pool:  # a network drive answers each question late, and several at once
            sides = pool.map(lambda index: shorter_side(self.path(index)), sample.tolist())
            return [side for side in sides if side is not None]

    def decoded_bytes(self) -> int:
        """About how many bytes all of them take decoded, by the headers of 64 files spread over the list."""
        sample = np.linspace(0, len(self) - 1, min(64, len(self))).astype(int)
        return int(len(self) * np.mean([decoded_bytes(self.path(index), self.most) for index in sample]))


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
            raise Broken(shown(self.files.path(index)), "it was broken when the images were decoded")
        start = self.starts[index]
        pixels = self.pixels[start : start + 3 * width * height]
        return Image.frombuffer("RGB", (width, height), pixels, "raw", "RGB", 0, 1)


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
