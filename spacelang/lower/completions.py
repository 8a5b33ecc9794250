"""For every point of every stage: how many completions it has inside windows, and what these cost.

All that one asks of the options of a stage follows from this: the networks that have one are sums over its points.
Two meetings serve all stages, one with either half as the queries.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Literal

import numpy as np
from attrs import evolve, frozen

from spacelang.lower.bounded_chain import BoundedChain
from spacelang.lower.half_sums import HalfSums, StageSums
from spacelang.lower.meet_in_the_middle import Halves, boxes, digits, indexes, meet_in_the_middle, parts
from spacelang.lower.product import products
from spacelang.lower.range_tree import extreme, mass
from spacelang.lower.sums import Array, Int
from spacelang.lower.terms import Law

PIECE = 1 << 21
NEVER = 2**62  # of a least: nothing is inside. Its negative of a most


@frozen(eq=False)
class Completions:
    """The points of one stage (n,): the exact number of completions of each inside the windows, not counting the
    ways in which the point itself arises, and by axis (axes, n) the least and the most that it costs with them."""

    stage: int
    points: StageSums
    count: Array
    least: Int
    most: Int


def completions(bounded: BoundedChain) -> tuple[Completions, ...]:
    """The completions of the points of every stage, in the order of the stages. Raises TooLarge."""
    sides: tuple[Literal["first", "last"], ...] = ("first", "last")
    halves = meet_in_the_middle(bounded, Law.UNIFORM, exact=True)
    if halves.data.stage < 0:  # one half is all there is
        return tuple(sorted(_asked(halves), key=lambda one: one.stage))
    both = (meet_in_the_middle(bounded, Law.UNIFORM, exact=True, asks=side) for side in sides)
    return tuple(sorted((one for half in both for one in _asked(half)), key=lambda one: one.stage))


def _asked(halves: Halves) -> Iterator[Completions]:
    """The completions of the points of those stages that the queries consist of."""
    axes, half, stage = len(halves.bounded.axes), halves.half, halves.stage
    here, outer = (_nothing(axes, len(weight)) for weight in (stage.weight, half.weight))
    for power, sides in (digit for piece in _pieces(halves.data) for digit in digits(piece)):
        for part in parts(halves):
            shape = (part.rows.stop - part.rows.start, len(part.block.here))
            for side, low, high in boxes(halves, sides, part):
                inside = mass(side, low, high).reshape(shape)
                here[0][part.block.here] += products(inside.T, half.weight[part.rows]) << power
                outer[0][part.rows] += products(inside, stage.weight[part.block.here]) << power
    for axis, piece in product(range(axes), _pieces(halves.data)):
        order = [*(one for one in range(axes) if one != axis), axis]
        sides = indexes(piece, np.ones(len(piece.weight)), order=order)
        for part in parts(halves):
            shape = (part.rows.stop - part.rows.start, len(part.block.here))
            for side, low, high in boxes(halves, sides, part):
                for most in (False, True):
                    reached = np.full(len(part.cost[0]), -NEVER if most else NEVER)
                    some, value = extreme(side, low[order], high[order], most=most)
                    reached[some] = halves.bounded.high[axis] - high[axis, some] + value
                    table, pick = reached.reshape(shape), np.maximum if most else np.minimum
                    which = 2 if most else 1
                    ends, rows = here[which][axis], outer[which][axis]
                    ends[part.block.here] = pick(ends[part.block.here], pick.reduce(table, axis=0))
                    rows[part.rows] = pick(rows[part.rows], pick.reduce(table, axis=1))
    yield Completions(halves.number, stage, *here)
    yield from _unfolded(half, *outer)


def _pieces(data: HalfSums) -> Iterator[HalfSums]:
    """The data in pieces whose tables fit: those of two measures take 200 bytes a point and more."""
    size = len(data.weight)
    for start in range(0, size, PIECE if len(data.cost) > 1 else size):
        stop = min(size, start + PIECE) if len(data.cost) > 1 else size
        groups = (np.clip((group.start, group.stop), start, stop) - start for group in data.groups)
        yield evolve(
            data,
            cost=data.cost[:, start:stop],
            weight=data.weight[start:stop],
            groups=tuple(slice(*ends.tolist()) for ends in groups),
        )


def _unfolded(half: HalfSums | None, count: Array, least: Int, most: Int) -> Iterator[Completions]:
    """The completions of the points of each stage of a half, from those of its own points."""
    while half is not None and half.points is not None and half.previous is not None:
        points, previous = half.points, half.previous
        here, outer = (_nothing(len(least), len(weight)) for weight in (points.weight, previous.weight))
        for found, at, others in (
            (here, half.here, previous.weight[half.outer]),
            (outer, half.outer, points.weight[half.here]),
        ):
            np.add.at(found[0], at, count * np.array([int(one) for one in others.tolist()], object))
            for axis in range(len(least)):
                np.minimum.at(found[1][axis], at, least[axis])
                np.maximum.at(found[2][axis], at, most[axis])
        yield Completions(half.stage, points, *here)
        half, (count, least, most) = previous, outer


def _nothing(axes: int, size: int) -> tuple[Array, Int, Int]:
    """The completions of so many points that have none yet."""
    return np.full(size, 0, object), np.full((axes, size), NEVER), np.full((axes, size), -NEVER)
