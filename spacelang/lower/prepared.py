"""Meetings made ready for draws, the latest of which are kept."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from attrs import frozen

from spacelang.lower.chain import Bounds, Chain, Window
from spacelang.lower.frame import frame
from spacelang.lower.meeting import Meeting, Planes, boxes, meeting, parts, planes, weight_of
from spacelang.lower.pattern import Pattern, free
from spacelang.lower.plane import mass
from spacelang.lower.sums import EXACT, Array, Real
from spacelang.lower.terms import Law, terms


@frozen(eq=False)
class Prepared:
    """A meeting ready for draws: the data as planes; `running` sums what the queries weigh inside."""

    met: Meeting
    planes: Planes
    running: Real


def drawable(chain: Chain, pattern: Pattern, bounds: Bounds, law: Law) -> Prepared | None:
    """What draws from a pattern inside windows need; None where nothing is inside.

    The latest two of whole spaces are kept, for they are large and long in the making.
    """
    windows = tuple(sorted(bounds.items(), key=lambda item: item[0]))
    return (_whole if pattern == free(chain) else prepared)(chain, pattern, windows, law)


def prepared(chain: Chain, pattern: Pattern, windows: tuple[tuple[str, Window], ...], law: Law) -> Prepared | None:
    """What `drawable` gives, made anew and not kept."""
    found = frame(terms(chain), pattern, dict(windows))
    if found is None:
        return None
    met = meeting(found, law, exact=False)
    sides = planes(met.data, rounded(met.data.weight, met.data.total), met.size)
    running = np.zeros(met.size)
    for part in parts(met):
        inside = running[part.numbers]
        for side, low, high in boxes(met, sides, part):
            inside += mass(side, low, high)
        inside *= weight_of(met, part).astype(np.float64)
    np.cumsum(running, out=running)
    return Prepared(met, sides, running) if len(running) and running[-1] > 0 else None


_whole = lru_cache(maxsize=2)(prepared)


def rounded(weight: Array, total: int) -> Real:
    """Whole weights below 2^53 in all.

    Where the weights are more than that, they are rounded to multiples of total / 2^52, none to nothing: what
    is feasible stays feasible, and the probability of a point is right to within 2^-52 absolutely.
    """
    if total < EXACT:
        return weight.astype(np.float64, copy=False)
    return np.maximum(1.0, np.floor(weight.astype(np.float64) / float(total) * 2.0**52))
