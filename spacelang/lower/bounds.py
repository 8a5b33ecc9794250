"""Bounds as windows; how far a measure reaches inside windows on the others, and the nearest feasible values."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil, floor

from attrs import frozen

from spacelang.lower.chain import EVERY, Bounds, Chain, Window
from spacelang.lower.pattern import Pattern
from spacelang.recipe import Bound


@frozen
class Nearest:
    """The feasible values of a measure next to a window on it: the largest below, the smallest above."""

    below: int | None
    above: int | None


def windows(bounds: Iterable[Bound], chain: Chain) -> Bounds:
    """Bounds as a recipe states them, one a measure, as windows on the measures of a chain."""
    scales = {limit.measure: limit.scale for limit in chain.limits}
    found = {}
    for bound in bounds:
        scale = scales.get(bound.measure, 1)
        low = EVERY.lo if bound.low is None else ceil(bound.low * scale)
        found[bound.measure] = Window(low, EVERY.hi if bound.high is None else floor(bound.high * scale))
    return found


def span(chain: Chain, measure: str, bounds: Bounds | None = None, pattern: Pattern | None = None) -> Window | None:
    """The least and most of a measure among genotypes inside the windows on the other measures.

    None where nothing is inside these.
    """
    from spacelang.lower.reached import reached  # numpy, on use

    low = reached(chain, measure, EVERY, bounds or {}, pattern, most=False)
    if low is None:
        return None
    high = reached(chain, measure, EVERY, bounds or {}, pattern, most=True)
    assert high is not None
    return Window(low, high)


def nearest(chain: Chain, measure: str, bounds: Bounds, pattern: Pattern | None = None) -> Nearest:
    """The feasible values of `measure` next to its window in `bounds`, under the other windows."""
    from spacelang.lower.reached import reached  # numpy, on use

    window = bounds[measure]
    return Nearest(
        below=reached(chain, measure, Window(EVERY.lo, window.lo - 1), bounds, pattern, most=True),
        above=reached(chain, measure, Window(window.hi + 1, EVERY.hi), bounds, pattern, most=False),
    )
