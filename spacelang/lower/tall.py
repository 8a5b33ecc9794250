"""Counts inside one window where one stage is so deep that its sums are too many to pair with the rest.

The other stages together lie on a grid, in one array; the sums of k layers of the deep stage lie on another,
each got from that of k - 1. For each k the count is the sum over the deep stage's values of their number times
what the others hold inside the rest of the window. Time grows with layers × options × cells of the deep
stage's grid × digits of the count, so with the cube of the depth; memory with its square.
"""

from __future__ import annotations

import numpy as np
from attrs import evolve, frozen

from spacelang.lower.frame import Frame
from spacelang.lower.product import product
from spacelang.lower.reach import reaches
from spacelang.lower.spectrum import DIGIT, LONGEST, Grid, Spectrum, layered, point, step_of, whole
from spacelang.lower.sums import EXACT, Int, Real
from spacelang.lower.terms import Place


def tall(found: Frame) -> int | None:
    """The exact count inside the one window of a frame; None where the stages lie on no grid short enough."""
    known, stages, (axis,) = found.known, found.stages, found.axes
    deep = max(range(len(stages)), key=lambda t: max(place.free for place in stages[t]))
    step = step_of(known, axis)
    alike: dict[tuple[int, int, int], list[Place]] = {}
    for place in stages[deep]:
        alike.setdefault(_kind(found, deep, place), []).append(place)
    answer = 0
    for places in alike.values():
        # One cell without cost or layers holds the deep stage's place among the others.
        bare = evolve(places[0], free=0, ways=1, base=(0,) * len(known.chain.measures))
        others = [(bare,) if t == deep else cells for t, cells in enumerate(stages)]
        ends = reaches(known, others, (axis,)).whole
        if ends is None:
            continue
        if (ends[1][0] - ends[0][0]) // step >= LONGEST:
            return None
        rest = [_steps(grid) for grid in whole(known, others, axis, step).values()]
        if sum(int(one.running[-1]) for one in rest) >= EXACT:
            return None
        costs = [option.cost[axis] for option in known.lists[places[0].options]]
        own = _step(costs) or step
        deepest = max(place.free for place in places)
        if deepest * (max(costs) - min(costs)) // own >= LONGEST:
            return None
        grown: Spectrum = point(own)
        for free in range(deepest + 1):
            grown = layered(grown, costs) if free else grown
            (grid,) = grown.values()
            for place in places:
                if place.free == free:
                    spent = place.base[axis] + grid.base
                    low, high = int(found.low[0]) - spent, int(found.high[0]) - spent
                    inside = sum(one.inside(low, high, grid) for one in rest)
                    answer += sum(
                        product(row.astype(np.float64), np.asarray(inside)) << (DIGIT * digit)
                        for digit, row in enumerate(grid.digits)
                    )
    return answer


@frozen(eq=False)
class Steps:
    """The running count of a grid's values: `running[i]` is that of the first i."""

    grid: Grid
    running: Real

    def inside(self, low: int, high: int, spent: Grid) -> Real:
        """How many values v of this grid have low <= v + i · step <= high, for each cell i of `spent`."""
        moved: Int = np.arange(spent.digits.shape[1]) * spent.step + self.grid.base
        last = len(self.running) - 1
        start = np.clip(-((moved - low) // self.grid.step), 0, last)
        stop = np.clip((high - moved) // self.grid.step + 1, 0, last)
        return np.asarray(self.running[np.maximum(start, stop)] - self.running[start])


def _steps(grid: Grid) -> Steps:
    running = np.zeros(grid.digits.shape[1] + 1)
    for place, row in enumerate(grid.digits):
        running[1:] += np.cumsum(row) * 2.0 ** (DIGIT * place)
    return Steps(grid, running)


def _step(costs: list[int]) -> int:
    return int(np.gcd.reduce([cost - costs[0] for cost in costs]))


def _kind(found: Frame, stage: int, place: Place) -> tuple[int, int, int]:
    """What the cells of one pass have in common: both classes, and the option list."""
    joints = found.known.chain.joints
    before = joints[stage - 1].right[place.cell] if stage else 0
    after = joints[stage].left[place.cell] if stage < len(joints) else 0
    return before, after, place.options
