"""The built-in data: 1797 handwritten digits of 8 × 8 grey pixels (scikit-learn's `load_digits`)."""

from __future__ import annotations

from hashlib import sha256

import numpy as np
from PIL import Image

from spacelang_runtime.data.pictures import Grey
from spacelang_runtime.data.source import Source, Split
from spacelang_runtime.data.stratify import ranks, stratified

TEST = 360  # images of the test split, a fifth of the set


def digits(side: int) -> Source:
    """The digits resized (bicubic) to `side` pixels, with the same 360 test images on every machine."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    labels = bunch.target.astype(np.int64)
    # Sixteen levels of ink, spread over the range of a byte.
    drawn = (bunch.images * (255 / 16)).round().astype(np.uint8)
    resized = [np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC)) for image in drawn]
    rank = ranks(f"{label}/{index:04d}".encode() for index, label in enumerate(labels))
    every = Split(Grey(np.stack(resized)), labels, rank)
    test = stratified(labels, rank, TEST)
    fingerprint = sha256(drawn.tobytes() + labels.astype("<i8").tobytes()).hexdigest()
    return Source("digits", tuple("0123456789"), every.take(~test), every.take(test), fingerprint)
