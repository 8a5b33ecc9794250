"""Weighted points with at most two integer coordinates: how much lies in a box, and which point is the n-th there.

The weights are whole numbers below 2^53 in all, kept as float64, so every sum and difference of them here is
exact, whatever its order. With one coordinate a box is a difference of running sums. With two, a wavelet
matrix holds the points in the order of the first, sorted bit by bit by their rank in the second; a box is
log2(n) lookups. Few points that many boxes are asked of have a table of all corners instead. Of more coordinates
(few points, at the end of a range tree, or where there is none) every point is looked at.
"""

from __future__ import annotations

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from spacelang.lower.ascent import Ascent, Rank, ascent, between
from spacelang.lower.sums import Int, Real

Index = NDArray[np.int32]

CORNERS = 1 << 10  # a table of so many corners is always worth it; of more, for as many boxes as corners
BLOCK = 1 << 19  # so many boxes are looked up at once: what they need stays near the processor


@frozen(eq=False)
class BitLevel:
    """One bit of the wavelet matrix: how many of the first i points have it 0, and what these weigh."""

    zeros: Index
    weight: Real


@frozen(eq=False)
class Plane:
    """n weighted points: cost (axes, n), and what answers boxes over them.

    `order` sorts them by the first coordinate, `second` by the second; `levels` go from the highest bit of
    the second's rank to the lowest. `corners[i, j]`, where there are few points, is what those weigh that are among
    the first i by the first coordinate and among the first j by the second.
    """

    cost: Int
    weight: Real
    order: Rank
    first: Ascent
    first_sum: Real
    second: Rank
    second_cost: Ascent
    second_sum: Real
    levels: tuple[BitLevel, ...]
    corners: Real | None = None

    @property
    def size(self) -> int:
        """How many points there are."""
        return len(self.weight)


def plane(cost: Int, weight: Real, looks: int = 0) -> Plane:
    """The points of cost (axes, n) and of whole weights (n,) below 2^53 in all, ready for some `looks` boxes."""
    axes, size = cost.shape
    none = np.zeros(0, np.int64)
    nothing = Ascent(none, 0, 1, None)
    if axes == 0 or axes > 2:
        return Plane(cost, weight, none, nothing, _running(weight), none, nothing, np.zeros(0), ())
    order = np.argsort(cost[0], kind="stable")
    first, first_sum = ascent(cost[0][order]), _running(weight[order])
    if axes == 1:
        return Plane(cost, weight, order, first, first_sum, none, nothing, np.zeros(0), ())
    second = np.argsort(cost[1], kind="stable")
    rank = np.empty(size, np.int32)
    rank[second] = np.arange(size, dtype=np.int32)
    second_cost, second_sum = ascent(cost[1][second]), _running(weight[second])
    if size * size <= max(CORNERS, looks):
        corners = np.zeros((size + 1, size + 1))
        corners[np.arange(1, size + 1), rank[order] + 1] = weight[order]
        np.cumsum(corners, axis=0, out=corners)
        np.cumsum(corners, axis=1, out=corners)
        return Plane(cost, weight, order, first, first_sum, second, second_cost, second_sum, (), corners)
    levels = []
    rank, rest = rank[order], weight[order]
    for bit in reversed(range((size - 1).bit_length())):
        one = (rank >> bit) & 1 == 1
        zeros = np.zeros(size + 1, np.int32)
        np.cumsum(~one, out=zeros[1:])
        levels.append(BitLevel(zeros, _running(np.where(one, 0.0, rest))))
        rank = np.concatenate([rank[~one], rank[one]])
        rest = np.concatenate([rest[~one], rest[one]])
    return Plane(cost, weight, order, first, first_sum, second, second_cost, second_sum, tuple(levels))


def mass(points: Plane, low: Int, high: Int) -> Real:
    """What the points inside each box weigh: low and high are (axes, boxes), both ends included."""
    boxes = low.shape[1]
    total = np.empty(boxes)
    block = max(1, BLOCK // points.size) if _looked_at(points) else BLOCK
    for start in range(0, boxes, block):
        part = slice(start, start + block)
        total[part] = _mass(points, low[:, part], high[:, part])
    return total


def select(points: Plane, low: Int, high: Int, target: Real) -> Rank:
    """The point of each box at which the weight of those up to it exceeds `target`, a whole number."""
    if len(points.cost) == 0:
        return np.searchsorted(points.first_sum, target, side="right") - 1
    if _looked_at(points):
        running = np.cumsum(_contains(points, low, high) * points.weight, axis=1)
        return np.asarray((running <= target[:, None]).sum(axis=1))
    left, right = between(points.first, low[0], high[0])
    if len(points.cost) == 1:
        return points.order[np.searchsorted(points.first_sum, points.first_sum[left] + target, side="right") - 1]
    least, _ = between(points.second_cost, low[1], high[1])
    return points.second[_select(points, left, right, target + _below(points, left, right, least))]


def extreme(points: Plane, low: Int, high: Int, *, most: bool) -> tuple[Rank, Int]:
    """The least or most last coordinate inside each box that holds anything.

    Every point must weigh one. Returns the numbers of those boxes, and a value for each.
    """
    if _looked_at(points):
        holds = _contains(points, low, high)
        some = np.nonzero(holds.any(axis=1))[0]
        last = points.cost[-1]
        far = int(last.min()) if most else int(last.max())
        kept = np.where(holds[some], last, far)
        return some, kept.max(axis=1) if most else kept.min(axis=1)
    left, right = between(points.first, low[0], high[0])
    if len(points.cost) == 1:
        some = np.nonzero(left < right)[0]
        return some, points.first.values[right[some] - 1 if most else left[some]]
    least, end = between(points.second_cost, low[1], high[1])
    start, stop = _below(points, left, right, least), _below(points, left, right, end)
    some = np.nonzero((left < right) & (start < stop))[0]
    rank = _select(points, left[some], right[some], stop[some] - 1 if most else start[some])
    return some, points.second_cost.values[rank]


def _select(points: Plane, left: Rank, right: Rank, target: Real) -> Rank:
    """The rank in the second at which the weight of the points left..right of the first exceeds `target`."""
    if points.corners is not None:
        running = points.corners[right, 1:] - points.corners[left, 1:]
        return np.asarray((running <= target[:, None]).sum(axis=1))
    rank = np.zeros(len(target), np.int64)
    for level in points.levels:
        zero_left, zero_right = level.zeros[left], level.zeros[right]
        weight = level.weight[right] - level.weight[left]
        one = target >= weight
        target = np.where(one, target - weight, target)
        zeros = int(level.zeros[-1])
        left = np.where(one, zeros + left - zero_left, zero_left)
        right = np.where(one, zeros + right - zero_right, zero_right)
        rank = 2 * rank + one
    return rank


def _looked_at(points: Plane) -> bool:
    return len(points.cost) > 2


def _contains(points: Plane, low: Int, high: Int) -> NDArray[np.bool_]:
    """Whether each box (rows) contains each point (columns)."""
    cost = points.cost[:, None, :]
    return np.asarray(((cost >= low[:, :, None]) & (cost <= high[:, :, None])).all(axis=0))


def _mass(points: Plane, low: Int, high: Int) -> Real:
    if len(points.cost) == 0:
        return np.full(low.shape[1], points.first_sum[-1])
    if _looked_at(points):
        return np.asarray(_contains(points, low, high) @ points.weight, np.float64)
    left, right = between(points.first, low[0], high[0])
    if len(points.cost) == 1:
        return points.first_sum[right] - points.first_sum[left]
    least, most = between(points.second_cost, low[1], high[1])
    if points.corners is not None:
        total = points.corners[right, most]
        for row, column, sign in ((left, most, -1), (right, least, -1), (left, least, 1)):
            if row.any() and column.any():  # else an open side: there is nothing below it
                total += sign * points.corners[row, column]
        return total
    total = np.zeros(low.shape[1])
    some = (left < right) & (least < most)
    every_second = some & (least == 0) & (most == points.size)
    total[every_second] = points.first_sum[right[every_second]] - points.first_sum[left[every_second]]
    every_first = some & ~every_second & (left == 0) & (right == points.size)
    total[every_first] = points.second_sum[most[every_first]] - points.second_sum[least[every_first]]
    rest = np.nonzero(some & ~every_second & ~every_first)[0]
    if len(rest):
        upper = _below(points, left[rest], right[rest], most[rest])
        total[rest] = upper - _below(points, left[rest], right[rest], least[rest])
    return total


def _below(points: Plane, left: Rank, right: Rank, rank: Rank) -> Real:
    """What the points left..right of the first order weigh whose rank in the second is below `rank`."""
    if points.corners is not None:
        return np.asarray(points.corners[right, rank] - points.corners[left, rank])
    counts = np.zeros(len(left))
    every = rank >= points.size
    counts[every] = points.first_sum[right[every]] - points.first_sum[left[every]]
    rest = np.nonzero((rank > 0) & ~every)[0]
    left, right, rank = left[rest], right[rest], rank[rest]
    weight = np.zeros(len(rest))
    for bit, level in zip(reversed(range(len(points.levels))), points.levels, strict=True):
        if not len(rest):
            break
        zero_left, zero_right = level.zeros[left], level.zeros[right]
        one = (rank >> bit) & 1 == 1
        weight += np.where(one, level.weight[right] - level.weight[left], 0.0)
        zeros = int(level.zeros[-1])
        left = np.where(one, zeros + left - zero_left, zero_left)
        right = np.where(one, zeros + right - zero_right, zero_right)
    counts[rest] = weight
    return counts


def _running(weight: Real) -> Real:
    """Sums of the first 0, 1, ... weights."""
    sums = np.zeros(len(weight) + 1)
    np.cumsum(weight, out=sums[1:])
    return sums
