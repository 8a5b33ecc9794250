"""The interval that holds a mean in 95 of 100 cases; that of a share is `engine.wilson`."""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from spacelang_runtime.engine.wilson import Z

IntervalEnds = tuple[float, float]


def of_mean(values: NDArray[np.float64]) -> IntervalEnds:
    """Of a mean, from independent values: the normal approximation."""
    mean = float(values.mean())
    half = Z * float(values.std(ddof=1)) / sqrt(len(values)) if len(values) > 1 else float("inf")
    return mean - half, mean + half
