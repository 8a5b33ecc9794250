"""The least or most value of a measure inside windows."""

from __future__ import annotations

import numpy as np

from spacelang.lower.bounded_chain import bounded_chain
from spacelang.lower.chain import Bounds, Chain, Window
from spacelang.lower.convolution import cell_classes, deep
from spacelang.lower.convolution import end as end_of
from spacelang.lower.meet_in_the_middle import Halves, Indexes, QueryPart, boxes, indexes, meet_in_the_middle, parts
from spacelang.lower.pattern import Pattern, free
from spacelang.lower.range_tree import extreme
from spacelang.lower.terms import Law, terms


def extreme_cost(
    chain: Chain, measure: str, window: Window, bounds: Bounds, pattern: Pattern | None, *, most: bool
) -> int | None:
    """The least or most value of a measure inside a window on it and the other windows."""
    axis = chain.measures.index(measure)
    bounded = bounded_chain(terms(chain), pattern or free(chain), {**bounds, measure: window}, last=axis)
    if bounded is None:
        return None
    whole = bounded.reach.whole
    end = int(bounded.high[-1] if most else bounded.low[-1])
    if bounded.free and len(bounded.axes) == 1 and whole is not None and end == whole[most][0]:
        return end  # nothing else binds, and the end of a span of costs is always reached
    if deep(bounded) and (classes := cell_classes(bounded, Law.UNIFORM)) is not None:
        return end_of(bounded, classes[1], most=most)
    halves = meet_in_the_middle(bounded, Law.UNIFORM, exact=False)
    sides = indexes(halves.data, np.ones(len(halves.data.weight)))
    best: int | None = None
    # The parts that promise most come first, and the search ends where no part can better what is found.
    for promise, part in sorted(_promised(halves, sides, most=most), key=lambda pair: pair[0]):
        if best is not None and promise >= best:
            break
        for side, low, high in boxes(halves, sides, part):
            some, value = extreme(side, low, high, most=most)
            if len(some):
                total = halves.bounded.high[-1] - high[-1, some] + value
                candidate = -int(total.max()) if most else int(total.min())
                best = candidate if best is None else min(best, candidate)
    return None if best is None else -best if most else best


def _promised(halves: Halves, sides: Indexes, *, most: bool) -> list[tuple[int, QueryPart]]:
    """The parts of the queries, each with the best it could come to; to be minimised."""
    promises = []
    for part in parts(halves):
        ends = []
        for side, link in zip(sides, halves.table[part.block.label], strict=True):
            if side is not None and link is not None:
                cost, own = side.cost[-1], part.cost[-1]
                ends.append(
                    -int(cost.max() + own.max() + link[-1]) if most else int(cost.min() + own.min() + link[-1])
                )
        if ends:
            promises.append((min(ends), part))
    return promises
