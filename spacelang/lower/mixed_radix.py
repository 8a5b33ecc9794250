"""Totals as the digits of one whole number in mixed radix: a code for every row of totals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import gcd

from attrs import frozen

from spacelang.lower.cells import Charge, Legal


@frozen
class Axis:
    """A total as a digit of a code, from `place` up: `size` values, of which low to high are inside its window.

    cells[t][i], layers[t][i][o]: what cell i of stage t and its option o add, from 0 up.
    """

    place: int
    size: int
    low: int
    high: int
    cells: tuple[tuple[int, ...], ...]
    layers: tuple[tuple[tuple[int, ...], ...], ...]

    @property
    def after(self) -> int:
        """Where the next digit begins."""
        return self.place * self.size


def axis(left: Legal, limit: Charge, place: int) -> Axis:
    """A total from 0 up, in the longest steps in which it goes."""
    least = [min(value for row in stage for value in row) for stage in limit.layers]
    layers = [[[v - low for v in row] for row in stage] for low, stage in zip(least, limit.layers, strict=True)]
    cells = [
        [own + cell.depth * low for own, cell in zip(row, stage, strict=True)]
        for low, row, stage in zip(least, limit.cells, left.stages, strict=True)
    ]
    base = [min(row) for row in cells]
    cells = [[own - low for own in row] for low, row in zip(base, cells, strict=True)]
    step = gcd(*(v for row in cells for v in row), *(v for stage in layers for row in stage for v in row)) or 1
    most = [
        max(own + cell.depth * max(row) for own, row, cell in zip(*both, strict=True))
        for both in zip(cells, layers, left.stages, strict=True)
    ]
    size = sum(most) // step + 1
    low = max(0, -((sum(base) - limit.window.lo) // step))
    high = min(size - 1, (limit.window.hi - sum(base)) // step)
    return Axis(
        place,
        size,
        low,
        high,
        tuple(tuple(v // step for v in row) for row in cells),
        tuple(tuple(tuple(v // step for v in row) for row in stage) for stage in layers),
    )


def inside(axes: Sequence[Axis]) -> int:
    """The set of all codes within the windows."""
    codes = 1
    for axis in axes:
        held = 0
        for value in range(axis.low, axis.high + 1):
            held |= codes << (value * axis.place)
        codes = held
    return codes


def codes_inside(axes: Sequence[Axis]) -> Iterator[int]:
    """The codes of a stage's own totals within their windows."""
    if not axes:
        yield 0
        return
    for rest in codes_inside(axes[1:]):
        yield from (rest + value * axes[0].place for value in range(axes[0].low, axes[0].high + 1))
