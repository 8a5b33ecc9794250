"""Bounds as windows; how far a measure reaches inside windows on the others, and the nearest feasible values."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil, floor

from attrs import frozen

from spacelang.lower.chain import EVERY, Bounds, Chain, Window
from spacelang.lower.pattern import Pattern
from spacelang.recipe import EACH_STAGE, Bound


@frozen
class Nearest:
    """The feasible values of a measure next to a window on it: the largest below, the smallest above."""

    below: int | None
    above: int | None


def windows(bounds: Iterable[Bound], chain: Chain) -> Bounds:
    """Bounds as a recipe states them as windows on the measures of a chain.

    A measure that the chain does not have stays, and is refused where it is asked for.
    """
    scales = {limit.measure: limit.scale for limit in chain.limits}
    result: dict[str, Window] = {}
    for bound in bounds:
        for measure in measured(chain, bound.measure) or (bound.measure,):
            scale, other = scales.get(measure, 1), result.get(measure, EVERY)
            low = EVERY.lo if bound.low is None else ceil(bound.low * scale)
            high = EVERY.hi if bound.high is None else floor(bound.high * scale)
            result[measure] = Window(max(low, other.lo), min(high, other.hi))
    return result


def measured(chain: Chain, bounded: str) -> tuple[str, ...]:
    """The measures of a chain that a bound is on: of `each stage: sum(heads)` those of all stages; none where there
    is no such measure."""
    if not bounded.startswith(EACH_STAGE):
        return (bounded,) if bounded in chain.measures else ()
    total = bounded.removeprefix(EACH_STAGE)
    names = (f"stage {number}: {total}" for number in range(1, len(chain.stages) + 1))
    return tuple(name for name in names if name in chain.measures)


def span(chain: Chain, measure: str, bounds: Bounds | None = None, pattern: Pattern | None = None) -> Window | None:
    """The least and most of a measure among genotypes inside the windows on the other measures.

    None where nothing is inside these.
    """
    from spacelang.lower.extreme_cost import extreme_cost  # numpy, on use

    low = extreme_cost(chain, measure, EVERY, bounds or {}, pattern, most=False)
    if low is None:
        return None
    high = extreme_cost(chain, measure, EVERY, bounds or {}, pattern, most=True)
    assert high is not None
    return Window(low, high)


def nearest(chain: Chain, measure: str, bounds: Bounds, pattern: Pattern | None = None) -> Nearest:
    """The feasible values of `measure` next to its window in `bounds`, under the other windows."""
    from spacelang.lower.extreme_cost import extreme_cost  # numpy, on use

    window = bounds[measure]
    return Nearest(
        below=extreme_cost(chain, measure, Window(EVERY.lo, window.lo - 1), bounds, pattern, most=True),
        above=extreme_cost(chain, measure, Window(window.hi + 1, EVERY.hi), bounds, pattern, most=False),
    )
