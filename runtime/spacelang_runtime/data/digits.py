"""The built-in data: 1797 handwritten digits of 8 × 8 grey pixels (scikit-learn's `load_digits`)."""

from __future__ import annotations

import gzip
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spacelang_runtime.data.pictures import Grey
from spacelang_runtime.data.source import DataSource, Split
from spacelang_runtime.data.stratify import ranks, stratified
from spacelang_runtime.failure import Failure

TEST = 360  # images of the test split, a fifth of the set


def digits(side: int) -> DataSource:
    """The digits resized (bicubic) to `side` pixels, with the same 360 test images on every machine."""
    ink, labels = written()
    # Sixteen levels of ink, spread over the range of a byte.
    drawn = (ink * (255 / 16)).round().astype(np.uint8)
    resized = [np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC)) for image in drawn]
    rank = ranks(f"{label}/{index:04d}".encode() for index, label in enumerate(labels))
    every = Split(Grey(np.stack(resized)), labels, rank)
    test = stratified(labels, rank, TEST)
    fingerprint = sha256(drawn.tobytes() + labels.astype("<i8").tobytes()).hexdigest()
    return DataSource("digits", tuple("0123456789"), every.take(~test), every.take(test), fingerprint)


def written() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The ink of each pixel from 0 to 16 [1797, 8, 8], and the labels: what `load_digits` gives, from the file that
    it reads. To import scikit-learn for one file would take as long as a small search.

    Raises `Failure` where scikit-learn, which brings the file, is not installed as it was released.
    """
    found = find_spec("sklearn")
    folder = Path(found.origin).parent if found and found.origin else Path()
    path = folder / "datasets" / "data" / "digits.csv.gz"
    try:
        with gzip.open(path, "rt", encoding="ascii") as file:
            rows = np.loadtxt(file, np.int64, delimiter=",")
    except OSError as reason:
        raise Failure(f"the built-in digits cannot be read: {reason}", "install scikit-learn again") from None
    return rows[:, :-1].reshape(-1, 8, 8), rows[:, -1]
