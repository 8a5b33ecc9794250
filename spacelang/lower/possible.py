"""What totals leave of a space: the cells, options and pairs of neighbours that some network within them has.

Sums of whole numbers are few, so the set of all that a run of stages can come to is kept as one integer, bit v for
the sum v; several totals share it in mixed radix. A layer more is a shift for each amount that an option adds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, reduce
from math import gcd, prod
from operator import or_

from attrs import evolve, field, frozen

from spacelang.lower.cells import Charge, Legal
from spacelang.lower.chain import EVERY

MOST_BITS = 1 << 21  # of a set
MOST_WORK = 1 << 27  # words of 64 bits that are moved, in all: some tenths of a second


class TooMany(Exception):
    """Totals that take too many values to be looked at."""


@frozen
class _Axis:
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


def possible(left: Legal) -> Legal:
    """What is left of a space within its totals; every stage is empty where nothing is. Raises `TooMany`."""
    limits = [charge for charge in left.totals if charge.window != EVERY]
    if not limits or not all(left.stages):
        return left
    return _Looked(left, limits).kept()


@frozen(slots=False)  # its codes are found once
class _Looked:
    """A space with the totals that limit it."""

    left: Legal
    limits: Sequence[Charge]
    work: list[int] = field(factory=lambda: [0], repr=False)
    powers: dict[tuple[int, frozenset[int]], list[int]] = field(factory=dict, repr=False)

    @cached_property
    def shared(self) -> tuple[_Axis, ...]:
        """The totals of the network."""
        return self._axes([limit for limit in self.limits if limit.stage is None], 1)

    @cached_property
    def whole(self) -> int:
        """How many values the totals of the network have together."""
        return prod(axis.size for axis in self.shared)

    @cached_property
    def below(self) -> int:
        """The codes in which no total is beyond its window: what is added to one that is stays beyond it."""
        return _inside([evolve(axis, low=0) for axis in self.shared])

    @cached_property
    def own(self) -> tuple[tuple[_Axis, ...], ...]:
        """The totals of each stage alone, whose digits stand above those of the network."""
        return tuple(
            self._axes([limit for limit in self.limits if limit.stage == t], self.whole)
            for t in range(len(self.left.stages))
        )

    def _axes(self, limits: Iterable[Charge], place: int) -> tuple[_Axis, ...]:
        found = []
        for limit in limits:
            found.append(_axis(self.left, limit, place))
            place = found[-1].after
            if place > MOST_BITS:
                raise TooMany
        return tuple(found)

    def kept(self) -> Legal:
        """The cells, options and pairs that lie on a network within the totals."""
        stages, links = self.left.stages, self.left.links
        window = _inside(self.shared)
        sums = [[self._sums(t, i, cell.depth, 0) for i, cell in enumerate(cells)] for t, cells in enumerate(stages)]
        before = [[1] * len(stages[0])]  # what the stages before a cell come to
        through = [[self._plus(1, own) for own in sums[0]]]  # and with the cell
        for t, pairs in enumerate(links):
            reached = [0] * len(stages[t + 1])
            for i, j in pairs:
                reached[j] |= through[t][i]
            before.append(reached)
            through.append([self._plus(a, b) for a, b in zip(reached, sums[t + 1], strict=True)])
        after = [[window] * len(stages[-1])]  # what may be spent up to a cell, that cell included
        upto = [[self._less(window, own) for own in sums[-1]]]  # and without it
        for t in reversed(range(len(links))):
            allowed = [0] * len(stages[t])
            for i, j in links[t]:
                allowed[i] |= upto[0][j]
            after.insert(0, allowed)
            upto.insert(0, [self._less(a, b) for a, b in zip(allowed, sums[t], strict=True)])
        options = [
            [
                tuple(self._alive(t, i, before[t][i], after[t][i])) if before[t][i] & upto[t][i] else ()
                for i in range(len(cells))
            ]
            for t, cells in enumerate(stages)
        ]
        met = [
            {(i, j) for i, j in pairs if through[t][i] & upto[t + 1][j] and options[t][i] and options[t + 1][j]}
            for t, pairs in enumerate(links)
        ]
        return narrowed(self.left, options, met)

    def _moved(self, times: int, bits: int) -> None:
        """Count what is moved, and give up where it is too much."""
        self.work[0] += times * (1 + bits // 64)
        if bits > MOST_BITS or self.work[0] > MOST_WORK:
            raise TooMany

    def _plus(self, one: int, other: int) -> int:
        """The sums of a member of one set and a member of another, that are not beyond a window already."""
        found = 0
        for start, length in _runs(other):
            self._moved(length.bit_length(), self.whole)
            found |= _smeared(one, length) << start
        return found & self.below

    def _less(self, found: int, taken: int) -> int:
        """What is left of members of one set when members of another are taken from them, from 0 up."""
        left = 0
        for start, length in _runs(taken):
            self._moved(length.bit_length(), self.whole)
            left |= _smeared(found, length) >> (start + length - 1)
        return left

    def _codes(self, t: int, i: int) -> tuple[int, ...]:
        """The code of each option of a cell."""
        axes = (*self.shared, *self.own[t])
        return tuple(
            sum(axis.place * axis.layers[t][i][option] for axis in axes)
            for option in range(len(self.left.stages[t][i].options))
        )

    def _cell(self, t: int, i: int) -> int:
        return sum(axis.place * axis.cells[t][i] for axis in (*self.shared, *self.own[t]))

    def _sums(self, t: int, i: int, free: int, spent: int) -> int:
        """All that a cell comes to with so many free layers and a code spent beside, within its own totals."""
        codes = frozenset(self._codes(t, i))
        tables = self.powers.setdefault((t, codes), [1])
        bits = self.whole * prod(axis.size for axis in self.own[t])
        while len(tables) <= free:
            self._moved(len(codes), bits)
            tables.append(reduce(or_, (tables[-1] << code for code in codes)))
        held = tables[free] << (self._cell(t, i) + spent)
        mask = (1 << self.whole) - 1
        self._moved(prod(axis.high - axis.low + 1 for axis in self.own[t]), bits)
        return reduce(or_, ((held >> code) & mask for code in _codes_inside(self.own[t])), 0)

    def _alive(self, t: int, i: int, before: int, after: int) -> Iterator[int]:
        """The options of a cell that one of its layers has in some network within the totals."""
        missing = self._less(after, before)
        depth = self.left.stages[t][i].depth
        codes = self._codes(t, i)
        alive = {code for code in set(codes) if self._sums(t, i, depth - 1, code) & missing}
        yield from (option for option, code in enumerate(codes) if code in alive)


def _axis(left: Legal, limit: Charge, place: int) -> _Axis:
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
    return _Axis(
        place,
        size,
        low,
        high,
        tuple(tuple(v // step for v in row) for row in cells),
        tuple(tuple(tuple(v // step for v in row) for row in stage) for stage in layers),
    )


def _inside(axes: Sequence[_Axis]) -> int:
    """The set of all codes within the windows."""
    found = 1
    for axis in axes:
        held = 0
        for value in range(axis.low, axis.high + 1):
            held |= found << (value * axis.place)
        found = held
    return found


def _codes_inside(axes: Sequence[_Axis]) -> Iterator[int]:
    """The codes of a stage's own totals within their windows."""
    if not axes:
        yield 0
        return
    for rest in _codes_inside(axes[1:]):
        yield from (rest + value * axes[0].place for value in range(axes[0].low, axes[0].high + 1))


def _runs(found: int) -> Iterator[tuple[int, int]]:
    """The members of a set as runs of neighbours: where each begins, and how many there are."""
    start = 0
    while found:
        gap = (found & -found).bit_length() - 1
        found >>= gap
        length = (~found & (found + 1)).bit_length() - 1
        yield start + gap, length
        found >>= length
        start += gap + length


def _smeared(found: int, length: int) -> int:
    """The union of a set moved up by 0, 1, ..., length - 1."""
    width = 1
    while 2 * width <= length:
        found |= found << width
        width *= 2
    return found | found << (length - width)


def narrowed(left: Legal, options: list[list[tuple[int, ...]]], links: list[set[tuple[int, int]]]) -> Legal:
    """A space with these options of its cells alone, and these pairs of them."""
    kept = [[i for i, alive in enumerate(stage) if alive] for stage in options]
    numbers = [{old: new for new, old in enumerate(stage)} for stage in kept]
    roots = sorted({left.stages[t][i].root for t, stage in enumerate(kept) for i in stage})
    renamed = {old: new for new, old in enumerate(roots)}
    stages = tuple(
        tuple(
            evolve(
                left.stages[t][i],
                options=tuple(left.stages[t][i].options[option] for option in options[t][i]),
                root=renamed[left.stages[t][i].root],
            )
            for i in stage
        )
        for t, stage in enumerate(kept)
    )
    totals = tuple(
        evolve(
            charge,
            cells=tuple(tuple(charge.cells[t][i] for i in stage) for t, stage in enumerate(kept)),
            layers=tuple(
                tuple(tuple(charge.layers[t][i][option] for option in options[t][i]) for i in stage)
                for t, stage in enumerate(kept)
            ),
        )
        for charge in left.totals
    )
    return evolve(
        left,
        stages=stages,
        links=tuple(
            frozenset((numbers[t][i], numbers[t + 1][j]) for i, j in pairs) for t, pairs in enumerate(links)
        ),
        roots=tuple(left.roots[old] for old in roots) if left.roots else (),
        totals=totals,
    )
