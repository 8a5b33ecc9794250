"""Meet in the middle: the two halves of a chain, and which of their sums come together inside the windows.

Cutting the chain at a joint leaves two runs of stages whose points are few (S3: 1.6 and 14 million, of
3 · 10^22 genotypes). One half, the data, is made ready for boxes; each point of the other, the queries, asks
it how much completes it inside the windows. The sum of the answers is the count; drawing a query by its
answer, then a completion of it, is an exact draw. Nothing is rejected: what cannot be completed has no mass.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Literal

import numpy as np
from attrs import evolve, frozen

from spacelang.lower.ascent import Rank
from spacelang.lower.bounded_chain import BoundedChain
from spacelang.lower.half_sums import (
    Extension,
    HalfSums,
    PointBlock,
    StageSums,
    blocks,
    empty,
    grow,
    outer_sum,
    stage_sums,
)
from spacelang.lower.range_tree import PointIndex, entries, index, looked_at
from spacelang.lower.sums import EXACT, Array, Int, Real, integers
from spacelang.lower.terms import Law, weights
from spacelang.lower.too_large import TooLarge

LinkTable = tuple[tuple[tuple[int, ...] | None, ...], ...]
Indexes = tuple[PointIndex | None, ...]
PART = 1 << 18  # so many queries are computed at once: what they need stays near the processor
MOST_QUERIES = 1 << 27  # no more are answered: what they weigh takes a gigabyte
MOST_LOOKS = 1 << 36  # where range trees do not help, every query looks at every datum
MOST_ENTRIES = 1 << 26  # of range trees


@frozen(eq=False)
class Halves:
    """Two halves of a chain as queries and data, and what a link between them costs.

    The queries are the points of `half` with the next stage, `stage`; they are many, and their costs are
    computed block by block when asked for. `table[q][d]` is the link between class q of the queries and
    class d of the data, None where forbidden.
    """

    bounded: BoundedChain
    half: HalfSums
    number: int
    stage: StageSums
    blocks: tuple[PointBlock, ...]
    data: HalfSums
    table: LinkTable

    @property
    def size(self) -> int:
        """How many queries there are."""
        return sum(rows * here for rows, here in (block.shape for block in self.blocks))

    def located(self, numbers: Rank) -> Iterator[tuple[PointBlock, Rank, Rank, Rank]]:
        """The blocks of some queries: which of them are in it, and their points of the half and of the stage."""
        starts = np.array([block.start for block in self.blocks])
        asked = np.searchsorted(starts, numbers, side="right") - 1
        for at in np.unique(asked).tolist():
            block, mine = self.blocks[at], np.nonzero(asked == at)[0]
            row, column = np.divmod(numbers[mine] - block.start, len(block.here))
            yield block, mine, block.rows.start + row, block.here[column]

    def spent(self, block: PointBlock, outer: Rank, here: Rank) -> Int:
        """The costs (axes, n) of some queries of a block."""
        return self.half.cost[:, outer] + self.stage.cost[:, here] + np.array(block.link, np.int64)[:, None]


@frozen(eq=False)
class QueryPart:
    """Some rows of a block of queries: the numbers, the costs (axes, n), and the rows they come from."""

    block: PointBlock
    rows: slice
    numbers: slice
    cost: Int


def meet_in_the_middle(
    bounded: BoundedChain, law: Law, *, exact: bool, asks: Literal["first", "last"] | None = None
) -> Halves:
    """The two halves of a chain, cut where they are smallest. asks: which half asks; None: the larger.

    With `exact` every weight is exact (Python integers where float64 would round): for counting. Without,
    weights of halves beyond 2^53 are float64: for drawing. Raises TooLarge where the halves would not fit.

    Time and memory grow with the points of the larger half, which are the products of the distinct sums of
    its stages: with one measure those of k layers grow like k^2 to k^3, not like options^k.
    """
    stages = [
        stage_sums(bounded.known, cells, bounded.axes, weights(cells, law), exact=exact, own=own)
        for cells, own in zip(bounded.stages, bounded.own, strict=True)
    ]
    sizes = [len(stage.weight) for stage in stages]
    cut = _cut(sizes)
    forth, back = range(cut), range(len(stages) - 1, cut - 1, -1)
    # Data must weigh less than 2^53 to be exact in float64; then, the fewer points the better.
    first, second = (
        (prod(stages[t].total for t in half) >= EXACT, prod(sizes[t] for t in half)) for half in (forth, back)
    )
    larger = forth if not back or (forth and second < first) else back
    asking = larger if asks is None else forth if asks == "first" else back
    kept = back if asking is forth else forth
    data = half = empty(len(bounded.axes))
    for t in kept:
        data = grow(
            data, _step(bounded, stages[t], t, rightwards=kept is forth), bounded.low, bounded.high, exact=exact
        )
    for t in asking[:-1]:
        step = _step(bounded, stages[t], t, rightwards=asking is forth)
        half = grow(half, step, bounded.low, bounded.high, exact=exact)
    step = _step(bounded, stages[asking[-1]], asking[-1], rightwards=asking is forth)
    table: LinkTable = (((0,) * len(bounded.axes),),)
    if kept:
        table = _table(bounded, cut - 1) if asking is forth else tuple(zip(*_table(bounded, cut - 1), strict=True))
    last = stages[asking[-1]]
    if exact and half.total * last.total >= EXACT:
        half, last = evolve(half, weight=integers(half.weight)), evolve(last, weight=integers(last.weight))
    halves = Halves(bounded, half, asking[-1], last, blocks(half, step), data, table)
    if halves.size > MOST_QUERIES:
        raise TooLarge(
            f"{halves.size:,} sums of costs are too many to look at: bound fewer measures at once, or narrow "
            "the space"
        )
    if len(bounded.axes) > 2 and not _fits(halves):
        raise TooLarge(
            f"{len(bounded.axes)} measures are bounded at once: in so large a space, bound at most two that take "
            "many values"
        )
    return halves


def _fits(halves: Halves) -> bool:
    """Whether boxes on more than two axes are answered in bearable time and memory."""
    data = [halves.data.cost[:, group] for group in halves.data.groups]
    looks = halves.size * sum(cost.shape[1] for cost in data if looked_at(cost))
    return looks <= MOST_LOOKS and sum(map(entries, data)) <= MOST_ENTRIES


def parts(halves: Halves) -> Iterator[QueryPart]:
    """The queries, some rows of a block at a time."""
    for block in halves.blocks:
        rows, here = block.shape
        stride = max(1, PART // here)
        for first in range(0, rows, stride):
            last = min(rows, first + stride)
            chosen = slice(block.rows.start + first, block.rows.start + last)
            numbers = slice(block.start + first * here, block.start + last * here)
            yield QueryPart(block, chosen, numbers, outer_sum(halves.half, halves.stage, block, chosen))


def weight_of(halves: Halves, part: QueryPart) -> Array:
    """The weights of some queries: exact where float64 or Python integers hold their factors' product."""
    return np.multiply.outer(halves.half.weight[part.rows], halves.stage.weight[part.block.here]).reshape(-1)


def boxes(halves: Halves, sides: Indexes, part: QueryPart) -> Iterator[tuple[PointIndex, Int, Int]]:
    """Each class of data that some queries may meet, and the boxes in which it completes them."""
    for side, link in zip(sides, halves.table[part.block.label], strict=True):
        if side is not None and link is not None:
            spent = np.array(link, np.int64)[:, None] + part.cost
            yield side, halves.bounded.low[:, None] - spent, halves.bounded.high[:, None] - spent


def _cut(sizes: list[int]) -> int:
    """Where to cut: the two halves have fewest points together; one half alone if that is little enough."""
    products = [1.0]
    for size in sizes:
        products.append(products[-1] * max(size, 1))
    whole = products[-1]
    costs = [
        products[cut] + whole / products[cut] + (2000 if 0 < cut < len(sizes) else 0)
        for cut in range(len(sizes) + 1)
    ]
    return costs.index(min(costs))


def _step(bounded: BoundedChain, stage: StageSums, t: int, *, rightwards: bool) -> Extension:
    joints = bounded.known.chain.joints
    back, ahead = (t - 1, t) if rightwards else (t, t - 1)
    entry = leaving = None
    table: LinkTable = (((0,) * len(bounded.axes),),)
    beyond = {0: ((0,) * len(bounded.axes),) * 2}
    classes = 1
    if 0 <= back < len(joints):
        entry = joints[back].right if rightwards else joints[back].left
        table = _table(bounded, back)
        table = table if rightwards else tuple(zip(*table, strict=True))
    if 0 <= ahead < len(joints):
        leaving = joints[ahead].left if rightwards else joints[ahead].right
        classes = len(joints[ahead].table) if rightwards else len(joints[ahead].table[0])
        reach = bounded.reach.beyond_left if rightwards else bounded.reach.beyond_right
        beyond = reach(joints[ahead], ahead, bounded.axes)
    return Extension(t, stage, entry, leaving, classes, table, beyond)


def _table(bounded: BoundedChain, t: int) -> LinkTable:
    return tuple(
        tuple(None if link is None else tuple(link.cost[axis] for axis in bounded.axes) for link in row)
        for row in bounded.known.chain.joints[t].table
    )


def indexes(half: HalfSums, weight: Real, looks: int = 0, order: Sequence[int] | None = None) -> Indexes:
    """The data by class, weighed by whole numbers, ready for some `looks` boxes; the axes in some other order."""
    cost = half.cost if order is None else half.cost[list(order)]
    return tuple(
        index(cost[:, group], weight[group], looks) if group.start < group.stop else None for group in half.groups
    )


def digits(half: HalfSums) -> Iterator[tuple[int, Indexes]]:
    """The data with weights that are exact in all: once where float64 is, else digit by digit of 2^28.

    Yields the power of two that a digit stands for, and the data weighed by that digit.
    """
    if half.total < EXACT:
        yield 0, indexes(half, half.weight.astype(np.float64, copy=False))
        return
    for power in range(0, half.total.bit_length(), 28):  # 2^25 points of 28 bits stay below 2^53
        yield power, indexes(half, ((half.weight >> power) & (2**28 - 1)).astype(np.float64))
