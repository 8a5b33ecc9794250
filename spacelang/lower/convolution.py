"""Convolution: one window on a chain with a stage so deep that its sums are too many to pair with the rest.

The other stages together lie on a grid, in one array; the sums of k layers of the deep stage lie on another, each
got from that of k - 1. For each k, what is asked is a sum, a choice or an end over the deep stage's values, each
with what the others hold inside the rest of the window. Time grows with layers × options × cells of the deep
stage's grid (for counts × digits of the count), so with the cube of the depth; memory with its square.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from attrs import evolve, frozen

from spacelang.lower.bounded_chain import BoundedChain
from spacelang.lower.product import product
from spacelang.lower.reach import reaches
from spacelang.lower.spectrum import DIGIT, LONGEST, CountGrid, Spectrum, layered, point, step_of, whole
from spacelang.lower.sums import EXACT, Int, Real
from spacelang.lower.terms import Law, PatternCell, weights


@frozen(eq=False)
class PrefixSums:
    """The running weight of a grid's values: `running[i]` is that of the first i."""

    grid: CountGrid
    running: Real

    def between(self, low: int, high: int, cells: int, step: int) -> tuple[Int, Int]:
        """Which values v of this grid have low <= v + i · step <= high, for each i below `cells`: the first, and
        one past the last."""
        moved: Int = np.arange(cells) * step + self.grid.base
        last = len(self.running) - 1
        start = np.clip(-((moved - low) // self.grid.step), 0, last)
        stop = np.clip((high - moved) // self.grid.step + 1, 0, last)
        return start, np.maximum(start, stop)

    def inside(self, low: int, high: int, cells: int, step: int) -> Real:
        """What the values between weigh."""
        start, stop = self.between(low, high, cells, step)
        return np.asarray(self.running[stop] - self.running[start])


@frozen(eq=False)
class CellClass:
    """The cells of the deep stage that have both classes and the option list in common.

    weights: of one completion of each. costs: of its options along the window's axis, the least first taken off;
    step: what all of them are multiples of. others: the other stages, in the deep one's place a cell without cost
    or layers. rest: what these can cost together.
    """

    places: tuple[PatternCell, ...]
    weights: tuple[int, ...]
    least: int
    costs: Int
    step: int
    others: tuple[tuple[PatternCell, ...], ...]
    rest: tuple[PrefixSums, ...]

    def window(self, bounded: BoundedChain, place: PatternCell) -> tuple[int, int]:
        """What is left of the window for the rest and the deep stage's steps, in one of the cells."""
        spent = place.base[bounded.axes[0]] + place.free * self.least
        return int(bounded.low[0]) - spent, int(bounded.high[0]) - spent

    def inside(self, bounded: BoundedChain, place: PatternCell, cells: int) -> Real:
        """What the rest weighs inside the window for each value of the deep stage in one of the cells."""
        low, high = self.window(bounded, place)
        return np.asarray(sum(one.inside(low, high, cells, self.step) for one in self.rest))

    def convolved(self) -> Iterator[Real]:
        """How many sequences of 0, 1, 2, ... layers have each sum: in float64, so to a relative error, none to
        nothing."""
        shifts = (self.costs // self.step).tolist()
        row = np.ones(1)
        for _ in range(max(place.free for place in self.places)):
            yield row
            longer = np.zeros(len(row) + max(shifts))
            for shift in shifts:
                longer[shift : shift + len(row)] += row
            row = longer
        yield row


def deep(bounded: BoundedChain) -> bool:
    """Whether a chain under one window has a stage to be treated as here."""
    return (
        bounded.free
        and len(bounded.axes) == 1
        and any(place.ways >= EXACT for cells in bounded.stages for place in cells)
    )


def cell_classes(bounded: BoundedChain, law: Law) -> tuple[int, tuple[CellClass, ...]] | None:
    """The deep stage and the classes of its cells; None where the stages lie on no grid short enough, or choose."""
    known, stages, (axis,) = bounded.known, bounded.stages, bounded.axes
    stage = max(range(len(stages)), key=lambda t: max(place.free for place in stages[t]))
    if any(place.choices for cells in stages for place in cells):
        return None
    weight = dict(zip(stages[stage], weights(stages[stage], law), strict=True))
    by_class: dict[tuple[int, int, int], list[PatternCell]] = {}
    for place in stages[stage]:
        by_class.setdefault(_class_of(bounded, stage, place), []).append(place)
    made = []
    for places in by_class.values():
        bare = evolve(places[0], layers=(), free=0, ways=1, coins=1, base=(0,) * len(known.chain.measures))
        others = tuple((bare,) if t == stage else cells for t, cells in enumerate(stages))
        ends = reaches(known, others, (axis,)).whole
        if ends is None:
            continue
        step = step_of(known, axis)
        if (ends[1][0] - ends[0][0]) // step >= LONGEST:
            return None
        rest = tuple(_prefix_sums(grid) for grid in whole(known, others, axis, step, law).values())
        if sum(int(one.running[-1]) for one in rest) >= EXACT:
            return None
        costs = np.array([option.cost[axis] for option in known.lists[places[0].options]], np.int64)
        least = int(costs.min())
        own = int(np.gcd.reduce(costs - least)) or step
        if max(place.free for place in places) * (int(costs.max()) - least) // own >= LONGEST:
            return None
        chosen = tuple(weight[place] for place in places)
        made.append(CellClass(tuple(places), chosen, least, costs - least, own, others, rest))
    return stage, tuple(made)


def counted(bounded: BoundedChain, classes: Sequence[CellClass]) -> int:
    """The exact count inside the one window of a chain."""
    answer = 0
    for cells in classes:
        convolved: Spectrum = point(cells.step)
        for free in range(max(place.free for place in cells.places) + 1):
            convolved = layered(convolved, cells.costs.tolist()) if free else convolved
            (grid,) = convolved.values()
            for place in cells.places:
                if place.free == free:
                    inside = cells.inside(bounded, place, grid.digits.shape[1])
                    answer += sum(
                        product(row.astype(np.float64), inside) << (DIGIT * digit)
                        for digit, row in enumerate(grid.digits)
                    )
    return answer


def end(bounded: BoundedChain, classes: Sequence[CellClass], *, most: bool) -> int | None:
    """The least or most value inside the one window of a chain; None where nothing is."""
    best: int | None = None
    for cells in classes:
        held = [np.nonzero(np.diff(one.running))[0] for one in cells.rest]
        for free, row in enumerate(cells.convolved()):
            some = np.nonzero(row)[0]
            for place in cells.places:
                if place.free != free:
                    continue
                low, high = cells.window(bounded, place)
                spent = place.base[bounded.axes[0]] + free * cells.least
                for one, present in zip(cells.rest, held, strict=True):
                    start, stop = (side[some] for side in one.between(low, high, len(row), cells.step))
                    at = (
                        np.searchsorted(present, stop, side="left") - 1 if most else np.searchsorted(present, start)
                    )
                    near = present[np.clip(at, 0, len(present) - 1)]
                    fits = np.nonzero((near >= start) & (near < stop))[0]
                    if len(fits):
                        value = near[fits] * one.grid.step + one.grid.base + some[fits] * cells.step + spent
                        reached = int(value.max() if most else value.min())
                        best = reached if best is None else max(best, reached) if most else min(best, reached)
    return best


def _prefix_sums(grid: CountGrid) -> PrefixSums:
    running = np.zeros(grid.digits.shape[1] + 1)
    for place, row in enumerate(grid.digits):
        running[1:] += np.cumsum(row) * 2.0 ** (DIGIT * place)
    return PrefixSums(grid, running)


def _class_of(bounded: BoundedChain, stage: int, place: PatternCell) -> tuple[int, int, int]:
    """What the cells of one pass have in common: both classes, and the option list."""
    joints = bounded.known.chain.joints
    before = joints[stage - 1].right[place.cell] if stage else 0
    after = joints[stage].left[place.cell] if stage < len(joints) else 0
    return before, after, place.options
