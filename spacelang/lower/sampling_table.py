"""The tables that draws read, by inverse transform sampling; the latest of them are kept."""

from __future__ import annotations

from functools import cached_property, lru_cache

import numpy as np
from attrs import evolve, frozen

from spacelang import cache
from spacelang.lower.ascent import Rank
from spacelang.lower.bounded_chain import BoundedChain, bounded_chain
from spacelang.lower.bracket import CELLS, rounded_up
from spacelang.lower.chain import VERSION, Bounds, Chain, Window, digest
from spacelang.lower.convolution import CellClass, cell_classes, deep
from spacelang.lower.meet_in_the_middle import Halves, Indexes, boxes, indexes, meet_in_the_middle, parts, weight_of
from spacelang.lower.pattern import Pattern, free
from spacelang.lower.range_tree import mass
from spacelang.lower.reach import reaches
from spacelang.lower.sums import EXACT, Array, Real
from spacelang.lower.terms import Law, terms
from spacelang.lower.too_large import TooLarge

MARK = 1 << 8
LONG = 1 << 20  # so many queries take long enough to keep what was found
COARSE = "steps"  # the measure of a chain whose costs are rounded


@frozen(eq=False, slots=False)  # what its queries weigh is found once, where it is asked for at all
class SamplingTable:
    """Two halves ready for draws, with an index of the data.

    `marks` is what the first MARK, 2 · MARK, ... and at last all queries weigh inside: enough to tell near which
    query a draw lies, and little enough to be kept on disk.
    """

    halves: Halves
    indexes: Indexes
    marks: Real
    narrowed: bool = False

    @cached_property
    def running(self) -> Real:
        """What the first query, the first two, ... weigh inside."""
        return _running(self.halves, self.indexes)

    def queries(self, uniform: Real) -> Rank:
        """One query for each number in [0, 1), by what it weighs. Few are found without looking at all queries."""
        target = uniform * self.marks[-1]
        if "running" in self.__dict__ or len(target) * MARK * 4 > self.halves.size:
            return np.asarray(np.searchsorted(self.running, target, side="right"))
        mark = np.searchsorted(self.marks, target, side="right")
        numbers = mark[:, None] * MARK + np.arange(MARK)
        inside = np.zeros(numbers.shape)
        some = np.nonzero(numbers < self.halves.size)
        inside[some] = weighed(self.halves, self.indexes, numbers[some])
        # Summed from the mark before, one after the other, these are the very numbers of `running`.
        before = np.where(mark > 0, self.marks[np.maximum(mark, 1) - 1], 0.0)
        running = np.cumsum(np.concatenate([before[:, None], inside], axis=1), axis=1)[:, 1:]
        return np.asarray(mark * MARK + (running <= target[:, None]).sum(axis=1))


@frozen(eq=False)
class DeepSamplingTable:
    """A chain with a deep stage, ready for draws inside one window.

    `running` sums what the cells of the deep stage weigh inside, class by class; `rests` are the other stages of
    each class, as two halves, the data indexed.
    """

    bounded: BoundedChain
    stage: int
    classes: tuple[CellClass, ...]
    running: Real
    rests: tuple[tuple[Halves, Indexes], ...]
    narrowed: bool = False


def sampling_table(
    chain: Chain, pattern: Pattern, bounds: Bounds, law: Law
) -> SamplingTable | DeepSamplingTable | None:
    """What draws from a pattern inside windows need; None where nothing is inside.

    The latest two of whole spaces are kept, for they are large and long in the making.
    """
    windows = tuple(sorted(bounds.items(), key=lambda item: item[0]))
    return (_whole if pattern == free(chain) else new_sampling_table)(chain, pattern, windows, law)


def new_sampling_table(
    chain: Chain, pattern: Pattern, windows: tuple[tuple[str, Window], ...], law: Law
) -> SamplingTable | DeepSamplingTable | None:
    """What `sampling_table` gives, made anew and not kept."""
    bounded = bounded_chain(terms(chain), pattern, dict(windows))
    if bounded is None:
        return None
    if deep(bounded) and (classes := cell_classes(bounded, law)) is not None:
        return _deep(bounded, *classes, law)
    try:
        halves = meet_in_the_middle(bounded, law, exact=False)
    except TooLarge as reason:
        costs = [axis for axis in bounded.axes if chain.measures[axis] in chain.costs]
        if len(costs) != 1 or chain.measures[0] == COARSE:
            raise
        return _narrowed(bounded, pattern, law, reason)
    sides = indexes(halves.data, rounded(halves.data.weight, halves.data.total), halves.size)
    name = cache.key(VERSION, digest(chain), repr(windows), law.value) if halves.size >= LONG else None
    kept = cache.get(name) if name and pattern == free(chain) else None
    if kept is not None and len(kept) == 8 * -(-halves.size // MARK):
        return SamplingTable(halves, sides, np.frombuffer(kept, "<f8"))
    running = _running(halves, sides)
    if not len(running) or running[-1] <= 0:
        return None
    made = SamplingTable(halves, sides, np.append(running[MARK - 1 : -1 : MARK], running[-1]))
    made.__dict__["running"] = running
    if name and pattern == free(chain):
        cache.put(name, made.marks.astype("<f8").tobytes())
    return made


def _running(halves: Halves, sides: Indexes) -> Real:
    """What the first query, the first two, ... weigh inside."""
    running = np.zeros(halves.size)
    for part in parts(halves):
        inside = running[part.numbers]
        for side, low, high in boxes(halves, sides, part):
            inside += mass(side, low, high)
        inside *= weight_of(halves, part).astype(np.float64)
    np.cumsum(running, out=running)
    return running


def weighed(halves: Halves, sides: Indexes, numbers: Rank) -> Real:
    """What some queries weigh inside, by their numbers."""
    inside = np.zeros(len(numbers))
    for block, mine, outer, here in halves.located(numbers):
        spent = halves.spent(block, outer, here)
        for side, link in zip(sides, halves.table[block.label], strict=True):
            if side is not None and link is not None:
                cost = np.array(link, np.int64)[:, None] + spent
                inside[mine] += mass(side, halves.bounded.low[:, None] - cost, halves.bounded.high[:, None] - cost)
        inside[mine] *= (halves.half.weight[outer] * halves.stage.weight[here]).astype(np.float64)
    return inside


def _deep(bounded: BoundedChain, stage: int, classes: tuple[CellClass, ...], law: Law) -> DeepSamplingTable | None:
    inside: list[float] = []
    rests = []
    for group in classes:
        convolved = list(group.convolved())
        for place, weight in zip(group.places, group.weights, strict=True):
            row = convolved[place.free]
            inside.append(float(row @ group.inside(bounded, place, len(row))) * weight)
        reach = reaches(bounded.known, group.others, bounded.axes)
        assert reach.whole is not None, "a class has something beside its deep stage"
        least, most = (np.array(ends, np.int64) for ends in reach.whole)
        rest = evolve(bounded, stages=group.others, low=least, high=most, reach=reach)
        halves = meet_in_the_middle(rest, law, exact=False)
        rests.append((halves, indexes(halves.data, rounded(halves.data.weight, halves.data.total))))
    running = np.cumsum(inside)
    return (
        DeepSamplingTable(bounded, stage, classes, running, tuple(rests))
        if len(running) and running[-1] > 0
        else None
    )


def _narrowed(
    bounded: BoundedChain, pattern: Pattern, law: Law, reason: TooLarge
) -> SamplingTable | DeepSamplingTable:
    """Draws from a part of a window whose costs share no divisor.

    Every cost is rounded up to whole steps. What costs at most the window's end so, costs at most that; what costs
    as many steps more than its beginning as there are terms, costs at least that. So all that is drawn is inside,
    and what is left out lies within these few steps of an end.
    """
    chain, whole = bounded.known.chain, bounded.reach.whole
    assert whole is not None, "a bounded chain holds something"
    at = next(at for at, axis in enumerate(bounded.axes) if chain.measures[axis] in chain.costs)
    axis, least, most = bounded.axes[at], whole[0][at], whole[1][at]
    step = max(1, (most - least) // CELLS)
    coarse = rounded_up(chain, chain.measures[axis], step)
    deepest = [max(cell.depth for cell in stage) for stage in chain.stages]
    slack = sum(deepest) + 2 * len(deepest) if bounded.low[at] > least else 0
    window = Window(-(-int(bounded.low[at]) // step) + slack, int(bounded.high[at]) // step)
    ends = zip(bounded.axes, bounded.low.tolist(), bounded.high.tolist(), strict=True)
    others = {chain.measures[total]: Window(low, high) for total, low, high in ends if total != axis}
    others |= {chain.measures[kept.axis]: Window(kept.low, kept.high) for own in bounded.own for kept in own}
    windows = ((COARSE, window), *others.items())
    made = new_sampling_table(evolve(coarse, measures=(COARSE, *coarse.measures[1:])), pattern, windows, law)
    if made is None:  # the window is narrower than the rounding
        raise reason
    return evolve(made, narrowed=True)


_whole = lru_cache(maxsize=2)(new_sampling_table)


def rounded(weight: Array, total: int) -> Real:
    """Whole weights below 2^53 in all.

    Where the weights are more than that, they are rounded to multiples of total / 2^52, none to nothing: what
    is feasible stays feasible, and the probability of a point is right to within 2^-52 absolutely.
    """
    if total < EXACT:
        return weight.astype(np.float64, copy=False)
    return np.maximum(1.0, np.floor(weight.astype(np.float64) / float(total) * 2.0**52))
