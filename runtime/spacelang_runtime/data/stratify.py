"""A fixed share of every class, chosen by the names of the pictures.

Which images a search scores on must not depend on the training seed: then all runs on the same data, and all
architectures of all seeds, are scored on the same images, and none of them is ever one that some run trained on.
A picture's place is a hash of its class and name, not a draw over the list, so a file that is added or taken away
moves at most one other picture of its class, and a larger share contains the smaller one.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray


def ranks(names: Iterable[bytes]) -> NDArray[np.uint64]:
    """A number for each name, as good as random and the same everywhere (the first 64 bits of BLAKE2b)."""
    digests = (blake2b(name, digest_size=8).digest() for name in names)
    return np.fromiter((int.from_bytes(digest, "little") for digest in digests), dtype=np.uint64)


def stratified(labels: NDArray[np.int64], rank: NDArray[np.uint64], count: int) -> NDArray[np.bool_]:
    """Which `count` of the pictures to take: those of lowest rank, the same share of every class.

    Shares are rounded by largest remainder, so every class gives its share rounded up or down and the sum is
    `count`; except that a class always keeps one picture, and the sum is smaller where that forbids more.
    """
    sizes = np.bincount(labels)
    given, remainder = np.divmod(count * sizes, len(labels))
    open_classes = np.flatnonzero(given + 1 < sizes)
    by_remainder = open_classes[np.argsort(-remainder[open_classes], kind="stable")]
    given[by_remainder[: count - int(given.sum())]] += 1
    given = np.minimum(given, np.maximum(sizes - 1, 0))

    order = np.lexsort((rank, labels))
    first = np.cumsum(sizes) - sizes
    place = np.arange(len(labels)) - first[labels[order]]
    taken = np.zeros(len(labels), dtype=np.bool_)
    taken[order] = place < given[labels[order]]
    return taken
