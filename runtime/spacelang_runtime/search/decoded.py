"""The images that a search scores on, decoded and resized once: a file that later searches read as it is.

The file is named by what is in the pictures (SHA-256 over their bytes, in order) and by what is made of them, so a
picture that changes is decoded anew, and two runs on the same pictures share one file. It lies in
the user's cache (`spacelang.cache`) and can be deleted at any time (`spacelang cache`).

    pictures  uint8 [n, channels, side, side], behind each other
    labels    int64 [n], after them
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from spacelang_runtime.atomic import replace
from spacelang_runtime.data import Dataset
from spacelang_runtime.data.cache import alone, ready
from spacelang_runtime.data.pictures import Files
from spacelang_runtime.failure import Failure

VERSION = 2  # of what is made of a picture; 2: decoded whole
READ = 256  # images at a time


@frozen(eq=False)
class Decoded:
    """pictures: uint8 [n, channels, side, side], in memory or mapped from a file. labels: int64 [n]."""

    pictures: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


def decoded(dataset: Dataset, count: int | None, say: Callable[[str], None]) -> Decoded:
    """The first `count` images of a data set's search split (None: all), broken ones left out."""
    asked = min(count or dataset.search_size, dataset.search_size)
    if not asked:
        raise Failure("no images are held out, and a search has nothing to score on", "train with a holdout")
    pictures = dataset.search.pictures
    if not isinstance(pictures, Files):
        return _gathered(dataset, asked)
    frame = dataset.frame
    try:
        path = ready() / f"{_key(pictures, dataset, asked)}.images"
        with alone(path):
            if not path.exists():
                say(f"decoding {asked} images for the search, once, into {path.parent}")
                replace(path, lambda file: _write(file, dataset, asked))
    except (Failure, OSError) as reason:
        said = reason.message if isinstance(reason, Failure) else f"{reason.strerror}: {reason.filename}"
        say(f"the decoded images are not kept for the next search: {said}")
        return _gathered(dataset, asked)
    return _mapped(path, (frame.channels, frame.image, frame.image))


def _batches(dataset: Dataset, count: int) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
    left = count
    for pictures, labels in islice(dataset.search_images(READ), -(-count // READ)):
        yield pictures[:left].numpy(), labels[:left].numpy()
        left -= len(labels)


def _gathered(dataset: Dataset, count: int) -> Decoded:
    pictures, labels = zip(*_batches(dataset, count), strict=True)
    return Decoded(np.concatenate(pictures), np.concatenate(labels))


def _write(file: BinaryIO, dataset: Dataset, count: int) -> None:
    every = []
    for pictures, labels in _batches(dataset, count):
        file.write(pictures.tobytes())
        every.append(labels)
    file.write(np.concatenate(every).astype("<i8").tobytes())


def _mapped(path: Path, shape: tuple[int, int, int]) -> Decoded:
    each = int(np.prod(shape))
    count = path.stat().st_size // (each + 8)
    # Copied on writing: torch wants arrays that it could write to.
    pictures = np.memmap(path, np.uint8, "c", shape=(count, *shape))
    labels = np.fromfile(path, "<i8", count, offset=count * each)
    return Decoded(pictures, labels.astype(np.int64))


def _key(pictures: Files, dataset: Dataset, count: int) -> str:
    """What the file is named by. Whole reads are looked at, since they are what may end up in the file."""
    frame, seen = dataset.frame, dataset.preprocessing
    made = f"{VERSION} {frame.channels} {frame.image} {seen.crop!r} {seen.interpolation} {count}"
    digest = hashlib.sha256(made.encode())
    digest.update(dataset.search.labels[:count].astype("<i8").tobytes())
    looked = range(min(-(-count // READ) * READ, len(pictures)))
    with ThreadPoolExecutor(16) as pool:  # hashing and reading leave the interpreter's lock alone
        for one in pool.map(lambda index: _content(pictures.path(index)), looked):
            digest.update(one)
    return digest.hexdigest()


def _content(path: Path) -> bytes:
    try:
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError:
        return b"unreadable"
