"""More than one goal: which points no other one beats, and how much of the field they command.

A point is a tuple of numbers, one a goal, of which less is better. Fronts and crowding only compare them; a volume
is of whole numbers (accuracy enters as images told right, negated), so that nothing of it is rounded. a dominates
b where it is nowhere worse and somewhere better; equal points do not dominate each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

Point = tuple[float, ...]


def dominates(one: Point, other: Point) -> bool:
    """Whether `one` is nowhere worse than `other`, and somewhere better."""
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))


def fronts(points: Sequence[Point]) -> list[list[int]]:
    """Non-dominated sorting (Deb et al., 2002, section III.A): the indices of the points that none dominates, then
    of those that none of the rest dominates, and so on. O(goals · n²)."""
    beats: list[list[int]] = [[] for _ in points]
    beaten = [0] * len(points)
    for i, one in enumerate(points):
        for j, other in enumerate(points):
            if dominates(one, other):
                beats[i].append(j)
                beaten[j] += 1
    found = []
    front = [i for i, times in enumerate(beaten) if not times]
    while front:
        found.append(front)
        after = []
        for i in front:
            for j in beats[i]:
                beaten[j] -= 1
                if not beaten[j]:
                    after.append(j)
        front = sorted(after)
    return found


def crowding(points: Sequence[Point]) -> list[float]:
    """The crowding distance of each point of one front (Deb et al., 2002, section III.B): along every goal, how far
    apart its two neighbours are, as a share of the front's width, summed; infinite at the ends."""
    distance = [0.0] * len(points)
    for goal in range(len(points[0]) if points else 0):
        # Ties in a goal are broken by the whole point, so that the distances do not depend on the order given.
        order = sorted(range(len(points)), key=lambda i: (points[i][goal], points[i]))
        low, high = points[order[0]][goal], points[order[-1]][goal]
        distance[order[0]] = distance[order[-1]] = inf
        if low == high:
            continue
        for before, at, after in zip(order, order[1:], order[2:], strict=False):
            distance[at] += (points[after][goal] - points[before][goal]) / (high - low)
    return distance


def front(points: Sequence[Point]) -> list[int]:
    """The indices of the points that none dominates; of equal ones, the first alone."""
    first = {point: i for i, point in reversed(list(enumerate(points)))}
    found: list[Point] = []
    for point in sorted(first):  # what dominates a point stands before it in this order
        if not any(dominates(other, point) for other in found):
            found.append(point)
    return sorted(first[point] for point in found)


def hypervolume(points: Sequence[Point], reference: Point) -> float:
    """How much of the field below `reference` the points dominate, exactly (Zitzler & Thiele, 1999).

    The measure of the union of the boxes from each point to the reference. Points beyond it add nothing. By slices
    along the last goal: between two neighbouring values of it, the volume is that of the points up to there in the
    other goals, times the thickness of the slice.
    """
    inside = sorted({p for p in points if all(a < r for a, r in zip(p, reference, strict=True))})
    if not inside:
        return 0
    if len(reference) == 1:
        return reference[0] - inside[0][0]
    inside.sort(key=lambda point: point[-1])
    volume: float = 0
    for number, point in enumerate(inside):
        upper = inside[number + 1][-1] if number + 1 < len(inside) else reference[-1]
        if upper > point[-1]:
            below = [other[:-1] for other in inside[: number + 1]]
            volume += (upper - point[-1]) * hypervolume(below, reference[:-1])
    return volume
