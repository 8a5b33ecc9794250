"""Histograms of one measure over all genotypes, every bin an exact integer."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from attrs import frozen

from spacelang.lower.bounded_chain import bounded_chain
from spacelang.lower.bounds import span
from spacelang.lower.chain import EVERY, Bounds, Chain, Window
from spacelang.lower.count import count
from spacelang.lower.half_sums import stage_sums
from spacelang.lower.pattern import free
from spacelang.lower.reach import reaches
from spacelang.lower.spectrum import DIGIT, LONGEST, CountGrid, step_of
from spacelang.lower.spectrum import whole as spectrum
from spacelang.lower.sums import Array, Int
from spacelang.lower.terms import Law, places, terms, weights


@frozen(eq=False)
class Scatter:
    """Counts of single values, in no order: value (n,), count (n,), exact."""

    value: Int
    count: Array


@frozen(eq=False)
class CostHistogram:
    """How many genotypes cost each single value of a measure."""

    measure: str
    parts: tuple[CountGrid | Scatter, ...]

    def count(self, window: Window) -> int:
        """The number of genotypes inside a window."""
        return sum(_inside(part, window) for part in self.parts)

    def bins(self, windows: Sequence[Window]) -> tuple[int, ...]:
        """The number of genotypes inside each window."""
        return tuple(self.count(window) for window in windows)


def histogram(chain: Chain, measure: str) -> CostHistogram | None:
    """How many genotypes cost each value of a measure.

    Value by value for a single stage, whose sums are few; else on a grid, in one pass from the last stage to
    the first. None where there are too many values for either (the parameters of most spaces of several
    stages): count in windows then, as `bins` does.
    """
    known = terms(chain)
    axis = chain.measures.index(measure)
    pattern = free(chain)
    stages = [places(known, pattern, t) for t in range(len(chain.stages))]
    ends = reaches(known, stages, (axis,)).whole
    whole = bounded_chain(known, pattern, {measure: EVERY}, every=True) if chain.limits else None
    if ends is None or (chain.limits and whole is None):
        return CostHistogram(measure, ())
    if len(stages) == 1:
        own = whole.own[0] if whole else ()
        found = stage_sums(known, stages[0], (axis,), weights(stages[0], Law.UNIFORM), exact=True, own=own)
        return CostHistogram(measure, (Scatter(found.cost[0], found.weight),))
    step = step_of(known, axis)
    if whole and not (whole.free and whole.axes == (axis,)):  # totals bind
        return None
    if (ends[1][0] - ends[0][0]) // step >= LONGEST:
        return None
    return CostHistogram(measure, tuple(spectrum(known, stages, axis, step).values()))


def strata(window: Window, number: int) -> tuple[Window, ...]:
    """A window cut into `number` windows of equal width (to one), fewer where it has fewer values."""
    width = window.hi - window.lo + 1
    number = min(number, width)
    edges = [window.lo + width * part // number for part in range(number + 1)]
    return tuple(Window(low, high - 1) for low, high in pairwise(edges))


def bins(chain: Chain, measure: str, number: int, bounds: Bounds | None = None) -> tuple[tuple[Window, int], ...]:
    """The exact number of genotypes in each of `number` equal windows that span a measure under the bounds."""
    bounds = bounds or {}
    whole = span(chain, measure, bounds)
    if whole is None:
        return ()
    own = bounds.get(measure, whole)
    whole = Window(max(whole.lo, own.lo), min(whole.hi, own.hi))
    if whole.lo > whole.hi:
        return ()
    windows = strata(whole, number)
    every = histogram(chain, measure) if not set(bounds) - {measure} else None
    if every is not None:
        return tuple(zip(windows, every.bins(windows), strict=True))
    return tuple((window, count(chain, {**bounds, measure: window})) for window in windows)


def _inside(part: CountGrid | Scatter, window: Window) -> int:
    match part:
        case Scatter(value, count):
            return int(count[(value >= window.lo) & (value <= window.hi)].sum())
        case CountGrid(base, step, digits):
            low = max(0, -((base - window.lo) // step))
            high = max(low, (window.hi - base) // step + 1)
            return sum(int(row.sum()) << (DIGIT * place) for place, row in enumerate(digits[:, low:high]))
