"""What a source of data is, once it has been listed: two splits of pictures with their classes."""

from __future__ import annotations

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from spacelang_runtime.data.encoded import Which
from spacelang_runtime.data.pictures import Files, Grey


@frozen
class Split:
    """Pictures with their classes.

    labels: [n], an index into the source's classes. rank: [n], a number for each picture that depends on its class
    and name alone (see `stratify.ranks`).
    """

    pictures: Files | Grey
    labels: NDArray[np.int64] = field(eq=False)
    rank: NDArray[np.uint64] = field(eq=False)

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, which: Which) -> Split:
        """Some of the pictures, or all in another order."""
        return Split(self.pictures.take(which), self.labels[which], self.rank[which])

    def whole(self) -> Split:
        """The same pictures, decoded whole: for scoring."""
        return Split(self.pictures.whole(), self.labels, self.rank)


@frozen
class DataSource:
    """Listed data. fingerprint: SHA-256 over what tells this data from other data. said: what else a
    person should know, in lines. files: what there is of each class of each split, in words.
    form: what the data was taken for; understood: the same with what it has, in a line."""

    name: str
    classes: tuple[str, ...]
    train: Split
    test: Split
    fingerprint: str
    said: tuple[str, ...] = ()
    files: dict[str, str] = field(factory=dict, eq=False)
    form: str = ""
    understood: str = ""
