"""What totals leave of a space: the cells, options and pairs of neighbours that some network within them has.

Sums of whole numbers are few, so the set of all that a run of stages can come to is kept as one integer, bit v for
the sum v; several totals share it in mixed radix. A layer more is a shift for each amount that an option adds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, reduce
from math import prod
from operator import or_

from attrs import evolve, field, frozen

from spacelang.lower.bitset import runs, smeared
from spacelang.lower.cells import Charge, Legal
from spacelang.lower.chain import EVERY
from spacelang.lower.mixed_radix import Axis, axis, codes_inside, inside
from spacelang.lower.restrict import restrict
from spacelang.lower.too_many import TooMany

MOST_BITS = 1 << 21  # of a set
MOST_WORK = 1 << 27  # words of 64 bits that are moved, in all: some tenths of a second


def prune(left: Legal) -> Legal:
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
    def shared(self) -> tuple[Axis, ...]:
        """The totals of the network."""
        return self._axes([limit for limit in self.limits if limit.stage is None], 1)

    @cached_property
    def whole(self) -> int:
        """How many values the totals of the network have together."""
        return prod(axis.size for axis in self.shared)

    @cached_property
    def below(self) -> int:
        """The codes in which no total is beyond its window: what is added to one that is stays beyond it."""
        return inside([evolve(axis, low=0) for axis in self.shared])

    @cached_property
    def own(self) -> tuple[tuple[Axis, ...], ...]:
        """The totals of each stage alone, whose digits stand above those of the network."""
        return tuple(
            self._axes([limit for limit in self.limits if limit.stage == t], self.whole)
            for t in range(len(self.left.stages))
        )

    def _axes(self, limits: Iterable[Charge], place: int) -> tuple[Axis, ...]:
        axes = []
        for limit in limits:
            axes.append(axis(self.left, limit, place))
            place = axes[-1].after
            if place > MOST_BITS:
                raise TooMany
        return tuple(axes)

    def kept(self) -> Legal:
        """The cells, options and pairs that lie on a network within the totals."""
        stages, links = self.left.stages, self.left.links
        window = inside(self.shared)
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
        return restrict(self.left, options, met)

    def _moved(self, times: int, bits: int) -> None:
        """Count what is moved, and give up where it is too much."""
        self.work[0] += times * (1 + bits // 64)
        if bits > MOST_BITS or self.work[0] > MOST_WORK:
            raise TooMany

    def _plus(self, one: int, other: int) -> int:
        """The sums of a member of one set and a member of another, that are not beyond a window already."""
        sums = 0
        for start, length in runs(other):
            self._moved(length.bit_length(), self.whole)
            sums |= smeared(one, length) << start
        return sums & self.below

    def _less(self, sums: int, taken: int) -> int:
        """What is left of members of one set when members of another are taken from them, from 0 up."""
        left = 0
        for start, length in runs(taken):
            self._moved(length.bit_length(), self.whole)
            left |= smeared(sums, length) >> (start + length - 1)
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
        return reduce(or_, ((held >> code) & mask for code in codes_inside(self.own[t])), 0)

    def _alive(self, t: int, i: int, before: int, after: int) -> Iterator[int]:
        """The options of a cell that one of its layers has in some network within the totals."""
        missing = self._less(after, before)
        depth = self.left.stages[t][i].depth
        codes = self._codes(t, i)
        alive = {code for code in set(codes) if self._sums(t, i, depth - 1, code) & missing}
        yield from (option for option, code in enumerate(codes) if code in alive)
