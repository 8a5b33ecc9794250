"""Intervals that hold what is estimated in 95 of 100 cases."""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import NDArray

NORMAL = 1.959964  # beyond it, on either side, lie 2.5 % of a standard normal distribution

Interval = tuple[float, float]


def of_share(right: int, images: int) -> Interval:
    """Of a share, from how many of so many images were right (Wilson, 1927)."""
    square = NORMAL**2
    middle = (right + square / 2) / (images + square)
    half = NORMAL / (images + square) * sqrt(right * (images - right) / images + square / 4)
    return max(0.0, middle - half), min(1.0, middle + half)


def of_mean(values: NDArray[np.float64]) -> Interval:
    """Of a mean, from independent values: the normal approximation."""
    mean = float(values.mean())
    half = NORMAL * float(values.std(ddof=1)) / sqrt(len(values)) if len(values) > 1 else float("inf")
    return mean - half, mean + half
