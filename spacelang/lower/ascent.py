"""Ascending values, and where others fall among them: by a search, or by one look where a table of all is short."""

from __future__ import annotations

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from spacelang.lower.sums import Int

Rank = NDArray[np.int64]

SEARCHED = 4096  # so many are searched without a table


@frozen(eq=False)
class Ascent:
    """Ascending values, and where others fall among them.

    `below[i]` counts the values less than base + i · step, where that table is short enough to keep: one look
    instead of a search.
    """

    values: Int
    base: int
    step: int
    below: NDArray[np.int32] | None


def ascent(values: Int) -> Ascent:
    """Ascending values made ready for look-ups."""
    if len(values) < SEARCHED:
        return Ascent(values, 0, 1, None)
    base = int(values[0])
    step = max(1, int(np.gcd.reduce(np.diff(values))))
    span = (int(values[-1]) - base) // step + 1
    if span > max(16 * len(values), 1 << 20):
        return Ascent(values, base, step, None)
    below = np.zeros(span + 1, np.int32)
    np.cumsum(np.bincount((values - base) // step, minlength=span), out=below[1:])
    return Ascent(values, base, step, below)


def between(found: Ascent, low: Int, high: Int) -> tuple[Rank, Rank]:
    """Where low..high lie among the values: from the first to one past the last; never reversed."""
    if not len(low):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    if found.below is None or len(low) < len(found.below) // 64:
        values, last = found.values, len(found.values)
        # A window is often open on one side: then one search is enough.
        left: Rank = (
            np.zeros(len(low), np.int64) if low.max() <= values[0] else np.searchsorted(values, low, side="left")
        )
        right: Rank = (
            np.full(len(high), last) if high.min() >= values[-1] else np.searchsorted(values, high, side="right")
        )
    else:
        last = len(found.below) - 1
        left = found.below[np.clip(-((found.base - low) // found.step), 0, last)].astype(np.int64)
        right = found.below[np.clip((high - found.base) // found.step + 1, 0, last)].astype(np.int64)
    return left, np.maximum(right, left)
