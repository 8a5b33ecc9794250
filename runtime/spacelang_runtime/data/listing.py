"""What a form of data gives: its splits, each with what its images are called, their classes, and their bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from spacelang_runtime.data.decode import NAMED
from spacelang_runtime.data.encoded import Encoded

TRAIN, TESTS = "train", ("val", "test")  # the test split is the first of these that is there
LAYOUT = f"data is a folder with train/CLASS/* and val/CLASS/*, images in {NAMED}"
WHOLE = ""  # the name of the only split of data that has not been parted


@frozen
class ListedSplit:
    """A split as it lies there, in any order.

    name: train, val, test, or `WHOLE`. names: [n], what each image's file is called, without its folders, which is
    the same in every form that the same images are kept in. classes: in alphabetical order; labels: [n], an index
    into them. sizes: [n], in bytes.
    """

    name: str
    classes: tuple[str, ...]
    encoded: Encoded
    names: NDArray[np.bytes_] = field(eq=False)
    labels: NDArray[np.int64] = field(eq=False)
    sizes: NDArray[np.int64] = field(eq=False)

    def __len__(self) -> int:
        return len(self.labels)


@frozen
class Listing:
    """Data as it has been found. form: what it was taken for, in words. name: of the data. place: where it is.
    said: what a person should know of it, in lines."""

    form: str
    name: str
    place: Path
    parts: tuple[ListedSplit, ...]
    said: tuple[str, ...] = ()

    def part(self, *names: str) -> ListedSplit | None:
        """The first of these splits that is there."""
        by_name = {part.name: part for part in self.parts}
        return next((by_name[name] for name in names if name in by_name), None)
