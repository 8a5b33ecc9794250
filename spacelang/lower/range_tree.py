"""Orthogonal range search over weighted points of any number of coordinates: what lies in a box, and draws from it.

Up to two coordinates are a plane's. Of more, a range tree splits one that takes few values, as totals do: a binary
tree over its values, with the points of each node's stretch of values as an index of the coordinates that are left.
A box is the sum of the nodes that make up its stretch, at most two a level (de Berg et al., Computational Geometry,
§5.3). Nodes are made when they are first asked for: a box with an open side asks for half of them at most.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from attrs import field, frozen

from spacelang.lower import plane
from spacelang.lower.ascent import Rank
from spacelang.lower.plane import Plane
from spacelang.lower.sums import Int, Real

FEW = 1 << 8  # so many points are looked at one by one
SPREAD = 1 << 3  # points that have a value of the coordinate that is split, at least, on average

Node = tuple[int, int]  # level and number: the values from number · 2^level, 2^level of them


@frozen(eq=False)
class RangeTree:
    """n weighted points: cost (axes, n), ascending along `axis`, and which of those asked for each is.

    rest: the other axes, in their order. The points with `values[i]` begin at `starts[i]`. looks: how many boxes
    are to be asked for, roughly.
    """

    cost: Int
    weight: Real
    order: Rank
    axis: int
    rest: tuple[int, ...]
    values: Int
    starts: Rank
    looks: int
    nodes: dict[Node, PointIndex] = field(factory=dict, repr=False)

    def node(self, node: Node) -> PointIndex:
        """The points of a node, along the rest of the axes."""
        if node not in self.nodes:
            some = self.points(node)
            rest = np.ascontiguousarray(self.cost[list(self.rest), some])
            self.nodes[node] = index(rest, self.weight[some], self.looks)
        return self.nodes[node]

    def points(self, node: Node) -> slice:
        """Which points a node has."""
        level, number = node
        ends = (min(end << level, len(self.values)) for end in (number, number + 1))
        return slice(*(int(self.starts[end]) for end in ends))


PointIndex = Plane | RangeTree


def index(cost: Int, weight: Real, looks: int = 0) -> PointIndex:
    """The points of cost (axes, n) and of whole weights (n,) below 2^53 in all, ready for some `looks` boxes."""
    axis = split(cost)
    if axis is None:
        return plane.plane(cost, weight, looks)
    order = np.argsort(cost[axis], kind="stable")
    values, starts = np.unique(cost[axis][order], return_index=True)
    rest = tuple(other for other in range(len(cost)) if other != axis)
    return RangeTree(cost[:, order], weight[order], order, axis, rest, values, np.append(starts, len(order)), looks)


def split(cost: Int) -> int | None:
    """The axis along which points are split, the one with the fewest values; None where they are not."""
    axes, size = cost.shape
    if axes <= 2 or size <= FEW:
        return None
    kinds = [len(np.unique(one)) for one in cost]
    return kinds.index(min(kinds)) if min(kinds) * SPREAD <= size else None


def entries(cost: Int) -> int:
    """How many points all nodes of all trees over these would have together, at most."""
    axis = split(cost)
    if axis is None:
        return len(cost.T)
    levels = (len(np.unique(cost[axis])) - 1).bit_length() + 1
    return levels * entries(_without(cost, axis))


def looked_at(cost: Int) -> bool:
    """Whether a box over these points looks at each of them, at least at the end of its trees."""
    axis = split(cost)
    return len(cost) > 2 if axis is None else looked_at(_without(cost, axis))


def _without(cost: Int, axis: int) -> Int:
    return cost[[other for other in range(len(cost)) if other != axis]]


def mass(points: PointIndex, low: Int, high: Int) -> Real:
    """What the points inside each box weigh: low and high are (axes, boxes), both ends included."""
    if isinstance(points, Plane):
        return plane.mass(points, low, high)
    total = np.zeros(low.shape[1])
    for nodes, boxes in _stretches(points, low, high):
        ends = low[points.rest, :][:, boxes], high[points.rest, :][:, boxes]
        for node in nodes:
            total[boxes] += mass(points.node(node), *ends)
    return total


def draw(points: PointIndex, low: Int, high: Int, inside: Real, uniform: Real) -> Rank:
    """One point from each box, by weight: `inside` is the box's mass, `uniform` a number in [0, 1) per box."""
    target = np.minimum(np.floor(uniform * inside), inside - 1)  # a whole number: from here on exact
    return _select(points, low, high, target)


def _select(points: PointIndex, low: Int, high: Int, target: Real) -> Rank:
    """The point of each box at which the weight of those up to it exceeds `target`, node after node."""
    if isinstance(points, Plane):
        return plane.select(points, low, high, target)
    chosen, target = np.zeros(len(target), np.int64), target.copy()
    for nodes, boxes in _stretches(points, low, high):
        for node in nodes:
            least, most = low[points.rest, :][:, boxes], high[points.rest, :][:, boxes]
            held = mass(points.node(node), least, most)
            here = target[boxes] < held
            mine = boxes[here]
            if len(mine):
                at = _select(points.node(node), least[:, here], most[:, here], target[mine])
                chosen[mine] = points.order[points.points(node).start + at]
            boxes = boxes[~here]
            target[boxes] -= held[~here]
    return chosen


def extreme(points: PointIndex, low: Int, high: Int, *, most: bool) -> tuple[Rank, Int]:
    """The least or most last coordinate inside each box that holds anything.

    Every point must weigh one. Returns the numbers of those boxes, and a value for each.
    """
    if isinstance(points, Plane):
        return plane.extreme(points, low, high, most=most)
    held = np.zeros(low.shape[1], np.bool_)
    value = np.zeros(low.shape[1], np.int64)
    pick = np.maximum if most else np.minimum
    for nodes, boxes in _stretches(points, low, high):
        ends = low[points.rest, :][:, boxes], high[points.rest, :][:, boxes]
        if points.axis == len(points.cost) - 1:
            first = _first(points, nodes[::-1] if most else nodes, *ends, most=most)
            some = boxes[first >= 0]
            held[some], value[some] = True, points.values[first[first >= 0]]
            continue
        for node in nodes:
            some, reached = extreme(points.node(node), *ends, most=most)
            some = boxes[some]
            value[some] = np.where(held[some], pick(value[some], reached), reached)
            held[some] = True
    some = np.nonzero(held)[0]
    return some, value[some]


def _first(points: RangeTree, nodes: Sequence[Node], low: Int, high: Int, *, most: bool) -> Rank:
    """The number of the first value of some nodes (with `most`: of the last, and nodes in descending order) that
    each box holds a point of; -1 where there is none."""
    first = np.full(low.shape[1], -1)
    open_ = np.arange(low.shape[1])
    for level, number in nodes:
        if not len(open_):
            break
        here = mass(points.node((level, number)), low[:, open_], high[:, open_]) > 0
        mine, open_ = open_[here], open_[~here]
        if not level:
            first[mine] = number
        elif len(mine):
            both = [(level - 1, 2 * number), (level - 1, 2 * number + 1)]
            both = [child for child in both if child[1] << child[0] < len(points.values)]
            first[mine] = _first(points, both[::-1] if most else both, low[:, mine], high[:, mine], most=most)
    return first


def _stretches(points: RangeTree, low: Int, high: Int) -> Iterator[tuple[list[Node], Rank]]:
    """The boxes by their stretches of values: the nodes of each in ascending order, and the boxes that have it."""
    size = len(points.values)
    first = np.searchsorted(points.values, low[points.axis], side="left")
    last = np.searchsorted(points.values, high[points.axis], side="right")
    code = first * (size + 1) + last
    order = np.argsort(code.astype(np.int16) if (size + 1) ** 2 < 2**15 else code, kind="stable")
    ends = np.append(np.nonzero(np.diff(code[order]))[0] + 1, len(order))
    start = 0
    for stop in ends.tolist():
        boxes, start = order[start:stop], stop
        if len(boxes) and first[boxes[0]] < last[boxes[0]]:
            yield _cover(int(first[boxes[0]]), int(last[boxes[0]]), size), boxes


def _cover(first: int, last: int, size: int) -> list[Node]:
    """The nodes that make up the values first..last - 1 of so many, in ascending order."""
    if last == size:
        last = 1 << (size - 1).bit_length()  # what lies beyond the last value is empty
    below: list[Node] = []
    above: list[Node] = []
    level = 0
    while first < last:
        if first & 1:
            below.append((level, first))
            first += 1
        if last & 1:
            last -= 1
            above.append((level, last))
        first, last, level = first >> 1, last >> 1, level + 1
    return [(level, number) for level, number in below + above[::-1] if number << level < size]
