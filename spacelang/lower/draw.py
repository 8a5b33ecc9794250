"""Draws of genotypes inside windows and under a pattern, exactly from the stated law, without rejection.

A draw chooses a point of one half by what completes it inside the windows, then a point of the other half
among these, then reads each point back: half by half into stages, sum by sum into options. Every step is one
draw from finitely many positive weights, so a draw ends, and it ends inside.

The weights are whole numbers, exact in float64 below 2^53 and beyond that right to a relative 2^-52; a number
in [0, 1) has 52 bits. So the probability of a genotype is right to within 2^-50 of the whole, and no rounding
ever decides what is feasible. The numbers are raw 64-bit words of PCG64, whose stream numpy guarantees, and
additions, products and comparisons of float64 in a fixed order: the same seed gives the same draws on every
machine.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from spacelang.lower.bounded_chain import BoundedChain
from spacelang.lower.chain import Bounds, Chain, Genotype
from spacelang.lower.convolution import CellClass
from spacelang.lower.half_sums import HalfSums, PointBlock, StageSums
from spacelang.lower.meet_in_the_middle import Halves, Indexes, parts, weight_of
from spacelang.lower.pattern import Pattern, free
from spacelang.lower.range_tree import draw as draw_from
from spacelang.lower.range_tree import mass
from spacelang.lower.sampling_table import DeepSamplingTable, SamplingTable, sampling_table
from spacelang.lower.sums import Int, Real
from spacelang.lower.terms import Law, WeightedChoice

Index = NDArray[np.int64]
LOOKS = 1 << 22  # so many are made at once


@frozen(eq=False)
class Stream:
    """Numbers in [0, 1) from a seed, the same on every machine."""

    words: np.random.PCG64

    def uniform(self, count: int) -> Real:
        """`count` numbers of 52 bits: so few that no product with a total rounds up to that total."""
        return np.asarray(self.words.random_raw(count) >> np.uint64(12), np.float64) * 2.0**-52


def stream(seed: int) -> Stream:
    """The stream of a seed, any integer from 0."""
    return Stream(np.random.PCG64(seed))


@frozen(eq=False)
class Draws:
    """n genotypes: `cells` (n, stages); `layers[t]` (n, greatest depth of stage t), -1 past the drawn depth.

    narrowed: they come from a slightly narrower window than asked for, the largest that could be summed exactly.
    """

    cells: Index
    layers: tuple[Index, ...]
    narrowed: bool = False

    def __len__(self) -> int:
        return len(self.cells)

    def at(self, number: int) -> Genotype:
        """One of them."""
        layers = (block[number] for block in self.layers)
        return Genotype(tuple(self.cells[number].tolist()), tuple(tuple(row[row >= 0].tolist()) for row in layers))

    def __iter__(self) -> Iterator[Genotype]:
        depths = [(block >= 0).sum(axis=1).tolist() for block in self.layers]
        rows = [block.tolist() for block in self.layers]
        for i, cells in enumerate(self.cells.tolist()):
            layers = tuple(tuple(row[i][: depth[i]]) for row, depth in zip(rows, depths, strict=True))
            yield Genotype(tuple(cells), layers)


def draw(
    chain: Chain,
    count: int,
    source: Stream,
    *,
    law: Law = Law.RANDOM,
    bounds: Bounds | None = None,
    pattern: Pattern | None = None,
) -> Draws:
    """`count` independent genotypes from `law`, inside the windows of `bounds`, given what `pattern` settles.

    No draws at all (length 0) where nothing lies inside.
    """
    table = sampling_table(chain, pattern or free(chain), bounds or {}, law)
    if table is not None:
        return sample(table, count, source)
    depths = [max(cell.depth for cell in stage) for stage in chain.stages]
    return Draws(np.zeros((0, len(depths)), np.int64), tuple(np.zeros((0, d), np.int64) for d in depths))


def sample(table: SamplingTable | DeepSamplingTable, count: int, source: Stream) -> Draws:
    """`count` draws from what has something inside."""
    if isinstance(table, DeepSamplingTable):
        return _sample_deep(table, count, source)
    halves = table.halves
    query = table.queries(source.uniform(count))
    low, high = (np.repeat(ends[:, None], count, axis=1) for ends in (halves.bounded.low, halves.bounded.high))
    drawn = _read(halves, table.indexes, query, low, high, source)
    return _gathered(drawn, table.narrowed)


def _gathered(drawn: dict[int, tuple[Index, Index]], narrowed: bool) -> Draws:
    stages = range(len(drawn))
    return Draws(np.stack([drawn[t][0] for t in stages], axis=1), tuple(drawn[t][1] for t in stages), narrowed)


def _read(
    halves: Halves, sides: Indexes, query: Index, low: Int, high: Int, source: Stream
) -> dict[int, tuple[Index, Index]]:
    """The cells and options of every stage for drawn queries, each completed inside its own windows (axes, n)."""
    outer, here, datum = (np.zeros(len(query), np.int64) for _ in range(3))
    for block, mine, row, column in halves.located(query):
        outer[mine], here[mine] = row, column
        spent = halves.spent(block, row, column)
        datum[mine] = _complete(halves, sides, block, low[:, mine] - spent, high[:, mine] - spent, source)
    drawn = {halves.number: _layers(halves.stage, here, source)}
    for half, point in ((halves.half, outer), (halves.data, datum)):
        for stage, found, entry in _unfold(half, point):
            drawn[stage] = _layers(found, entry, source)
    return drawn


def _complete(halves: Halves, indexes: Indexes, block: PointBlock, low: Int, high: Int, source: Stream) -> Index:
    """A point of the data for each query of a block, by weight among those inside what is left of its windows."""
    sides = [
        (group.start, side, np.array(link, np.int64)[:, None])
        for group, side, link in zip(halves.data.groups, indexes, halves.table[block.label], strict=True)
        if side is not None and link is not None
    ]
    inside = np.stack([mass(side, low - cost, high - cost) for _, side, cost in sides])
    choice = _choose(inside.T, source)
    datum = np.zeros(low.shape[1], np.int64)
    for number, (start, side, cost) in enumerate(sides):
        mine = np.nonzero(choice == number)[0]
        if len(mine):
            least, most = low[:, mine] - cost, high[:, mine] - cost
            datum[mine] = start + draw_from(side, least, most, inside[number, mine], source.uniform(len(mine)))
    return datum


def _sample_deep(table: DeepSamplingTable, count: int, source: Stream) -> Draws:
    """`count` draws where one stage is deep: its cell, what its layers cost, then these and the rest given that."""
    bounded, at = table.bounded, table.stage
    chosen = np.searchsorted(table.running, source.uniform(count) * table.running[-1], side="right")
    depth = max(len(place.layers) for group in table.classes for place in group.places)
    cells, layers = np.zeros(count, np.int64), np.full((count, depth), -1, np.int64)
    drawn: dict[int, tuple[Index, Index]] = {at: (cells, layers)}
    first = 0
    for group, (halves, sides) in zip(table.classes, table.rests, strict=True):
        last = first + len(group.places)
        mine = np.nonzero((chosen >= first) & (chosen < last))[0]
        if len(mine):
            left = _deep_layers(bounded, group, chosen[mine] - first, mine, cells, layers, source)
            for stage, (cell, block) in _rest(halves, sides, *left, source).items():
                if stage != at:
                    empty = np.zeros(count, np.int64), np.full((count, block.shape[1]), -1, np.int64)
                    into = drawn.setdefault(stage, empty)
                    into[0][mine], into[1][mine] = cell, block
        first = last
    return _gathered(drawn, table.narrowed)


def _deep_layers(
    bounded: BoundedChain, group: CellClass, places: Index, mine: Index, cells: Index, layers: Index, source: Stream
) -> tuple[Int, Int]:
    """Draws the deep stage into rows `mine` of `cells` and `layers`; returns what is left of the window."""
    tables = list(group.convolved())
    shifts = group.costs // group.step
    low, high = (np.zeros((1, len(mine)), np.int64) for _ in range(2))
    for number in np.unique(places).tolist():
        place, which = group.places[number], np.nonzero(places == number)[0]
        rows = mine[which]
        cells[rows] = place.cell
        row = tables[place.free]
        running = np.cumsum(row * group.inside(bounded, place, len(row)))
        value = np.searchsorted(running, source.uniform(len(rows)) * running[-1], side="right")
        least, most = group.window(bounded, place)
        low[0, which], high[0, which] = least - value * group.step, most - value * group.step
        layers[rows, : len(place.layers)] = [one if isinstance(one, int) else -1 for one in place.layers]
        vacant = [layer for layer, one in enumerate(place.layers) if one is None]
        for shorter, layer in zip(reversed(tables[: place.free]), reversed(vacant), strict=True):
            before = value[:, None] - shifts
            held = (before >= 0) & (before < len(shorter))
            option = _choose(np.where(held, shorter[np.clip(before, 0, len(shorter) - 1)], 0.0), source)
            layers[rows, layer] = option
            value = value - shifts[option]
    return low, high


def _rest(halves: Halves, sides: Indexes, low: Int, high: Int, source: Stream) -> dict[int, tuple[Index, Index]]:
    """Draws the other stages, each inside a window of its own."""
    queries: list[Index] = []
    stride = max(1, LOOKS // halves.size)
    for start in range(0, low.shape[1], stride):
        some = slice(start, start + stride)
        weight = np.zeros((low[:, some].shape[1], halves.size))
        for part in parts(halves):
            own = np.zeros((len(weight), part.cost.shape[1]))
            for side, link in zip(sides, halves.table[part.block.label], strict=True):
                if side is not None and link is not None:
                    spent = (part.cost + np.array(link, np.int64)[:, None])[:, None, :]
                    boxes = ((ends[:, some, None] - spent).reshape(1, -1) for ends in (low, high))
                    own += mass(side, *boxes).reshape(own.shape)
            weight[:, part.numbers] = own * weight_of(halves, part).astype(np.float64)
        queries.append(_choose(weight, source))
    return _read(halves, sides, np.concatenate(queries), low, high, source)


def _choose(weight: Real, source: Stream) -> Index:
    """One column per row of `weight` (n, columns), by weight."""
    running = np.cumsum(weight, axis=1)
    target = source.uniform(len(weight)) * running[:, -1]
    return np.asarray((running <= target[:, None]).sum(axis=1))


def _unfold(half: HalfSums | None, point: Index) -> Iterator[tuple[int, StageSums, Index]]:
    """The stages of a half with the points of each that make up its `point`."""
    while half is not None and half.points is not None:
        yield half.stage, half.points, half.here[point].astype(np.int64)
        point = half.outer[point].astype(np.int64)
        half = half.previous


def _layers(stage: StageSums, point: Index, source: Stream) -> tuple[Index, Index]:
    """The cell of each drawn point of a stage, and the options of its layers."""
    local = stage.cell[point]
    block = np.full((len(point), max(len(place.layers) for place in stage.cells)), -1, np.int64)
    for number in np.unique(local).tolist():
        place, mine = stage.cells[number], np.nonzero(local == number)[0]
        block[mine, : len(place.layers)] = [one if isinstance(one, int) else -1 for one in place.layers]
        vacant = [layer for layer, one in enumerate(place.layers) if one is None]
        vacant += [layer for layer, one in enumerate(place.layers) if isinstance(one, WeightedChoice)]
        entry = stage.entry[point[mine]]
        table = stage.tables[number]
        for layer in reversed(vacant):
            assert table.shorter is not None
            if table.before is None:
                entry, option = np.divmod(entry, len(table.options))
            else:
                # The last of k layers takes an option by what it and the ways of the k - 1 before it weigh.
                before = table.before[entry]
                ways = table.shorter.weights[before] * (before >= 0)  # entry -1 is no way
                option = _choose(ways * table.shares, source)
                entry = before[np.arange(len(mine)), option]
            block[mine, layer] = table.options[option]
            table = table.shorter
    return np.array([place.cell for place in stage.cells])[local], block
