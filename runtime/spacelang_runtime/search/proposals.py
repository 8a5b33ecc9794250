"""Networks that a predictor thinks well of, out of thousands inside the bounds.

The thousands are exact draws, children of the best by mutation and crossover, and networks that differ from the
most promising of all these in a few layers. Each place of a generation goes to the network that is best by weights
drawn from all that are probable (Thompson, 1933): what is promising is proposed often, what is uncertain now and
then. Every network is inside the bounds, and none was scored before.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from spacelang.lower.chain import Bounds, Chain, Genotype
from spacelang.lower.draw import Stream, draw
from spacelang_runtime.search.genes import Index, Points, Real, joined, points
from spacelang_runtime.search.predictor import Predictor

DRAWS = 2000  # anew for each generation
ROUNDS = 5  # of changing layers of the most promising
CHANGED = 600  # networks in a round
MOST = 3  # layers changed of one of them
DIGITS = 9  # of what networks are worth, where its spread is 1
TOP = 2  # networks that are changed further, for each place of the generation


def proposed(
    chain: Chain,
    bounds: Bounds,
    predictor: Predictor,
    descended: Sequence[Genotype],
    count: int,
    source: Stream,
) -> tuple[Genotype, ...]:
    """`count` networks. descended: as many that are inside the bounds, to choose from as well. What the predictor
    learned from is built on too, and not proposed again; where the bounds hold too few others, some of those
    descended are, as they come."""
    drawn, told = draw(chain, DRAWS, source, bounds=bounds), predictor.told
    several = joined([Points(drawn.cells, drawn.layers), points(chain, descended)])
    regression, read = predictor.regression, predictor.genes
    worth = regression.drawn(_normal(source, len(regression.weights) * count).reshape(-1, count))

    def promise(columns: Real) -> Real:
        # Equal networks are equal to the last digit, wherever they stand: products of matrices promise less.
        return np.round(worth(columns) / regression.spread, DIGITS)

    promised = np.concatenate([promise(read.columns(several)), promise(told.columns)], axis=1)  # [place, network]
    known = np.arange(len(several), promised.shape[1])
    several = joined([several, told.networks])
    prices = _prices(chain, bounds)
    top, parts = leading(promised, TOP), [promised]
    best = np.take_along_axis(promised, top, 1)
    for _ in range(ROUNDS):
        new = changed(several.take(np.unique(top)), prices, source)
        parts.append(promise(read.columns(new)))
        rows = np.concatenate([top, np.tile(np.arange(len(new)) + len(several), (count, 1))], axis=1)
        best = np.concatenate([best, parts[-1]], axis=1)
        at = leading(best, TOP)
        top, best = np.take_along_axis(rows, at, 1), np.take_along_axis(best, at, 1)
        several = joined([several, new])
    chosen = _chosen(several, np.concatenate(parts, axis=1), known)
    return (*chosen, *descended[: count - len(chosen)])


def leading(values: Real, count: int) -> Index:
    """Where the least so many of each row are [rows, count], the least first; of equal ones, the first."""
    rest, found = values.copy(), np.empty((len(values), count), np.int64)
    for place in range(count):
        found[:, place] = rest.argmin(1)
        np.put_along_axis(rest, found[:, place : place + 1], np.inf, 1)
    return found


def _chosen(several: Points, promised: Real, known: Index) -> tuple[Genotype, ...]:
    """For each place [place, network] the best network that is none of those known, nor chosen before."""
    keys = np.hstack([several.cells, *several.layers])
    taken = {keys[row].tobytes() for row in known.tolist()}
    promised[:, known] = np.inf
    chosen = []
    for values in promised:
        while values[row := int(values.argmin())] < np.inf:  # of equal ones, the first
            key = keys[row].tobytes()
            promised[:, row] = np.inf
            if key not in taken:
                taken.add(key)
                chosen.append(several.genotype(row))
                break
    return tuple(chosen)


@frozen(eq=False)
class Prices:
    """What networks cost by the measures that are bounded. cells: of each stage [cells, measures]; options: of each
    stage [cells, options, measures], zeros for a layer that is not there; links: between stages [cells, cells,
    measures]. counts: options of each cell. low, high: the windows."""

    cells: tuple[Index, ...]
    options: tuple[Index, ...]
    links: tuple[Index, ...]
    counts: tuple[Index, ...]
    low: Index
    high: Index

    def inside(self, of: Points) -> NDArray[np.bool_]:
        """Which networks are inside all windows."""
        spent = np.zeros((len(of), len(self.low)), np.int64)
        for stage, (cells, options) in enumerate(zip(self.cells, self.options, strict=True)):
            here = of.cells[:, stage]
            spent += cells[here] + options[here[:, None], of.layers[stage]].sum(1)
            if stage:
                spent += self.links[stage - 1][of.cells[:, stage - 1], here]
        inside: NDArray[np.bool_] = ((spent >= self.low) & (spent <= self.high)).all(1)
        return inside


def _prices(chain: Chain, bounds: Bounds) -> Prices:
    windows = [*bounds.items(), *((limit.measure, limit.window) for limit in chain.limits)]
    at = [chain.measures.index(name) for name, _ in windows]
    cells, options, links, counts = [], [], [], []
    for stage in chain.stages:
        cells.append(
            np.array([[cell.cost[i] for i in at] for cell in stage], np.int64).reshape(len(stage), len(at))
        )
        most = max(len(cell.options) for cell in stage)
        table = np.zeros((len(stage), most + 1, len(at)), np.int64)
        for row, cell in zip(table, stage, strict=True):
            row[: len(cell.options)] = [[option.cost[i] for i in at] for option in cell.options]
        options.append(table)
        counts.append(np.array([len(cell.options) for cell in stage]))
    for joint in chain.joints:
        kinds = [[[link.cost[i] if link else 0 for i in at] for link in row] for row in joint.table]
        table = np.array(kinds, np.int64).reshape(len(kinds), len(kinds[0]), len(at))
        links.append(table[np.array(joint.left)[:, None], np.array(joint.right)])
    low, high = (np.array([getattr(window, end) for _, window in windows], np.int64) for end in ("lo", "hi"))
    return Prices(tuple(cells), tuple(options), tuple(links), tuple(counts), low, high)


def changed(networks: Points, prices: Prices, source: Stream) -> Points:
    """Networks with one to `MOST` layers of some of these drawn anew, those that are inside the windows."""
    parents = _below(source, np.full(CHANGED, len(networks)))
    several = networks.take(parents)
    layers = tuple(block.copy() for block in several.layers)
    depths = np.stack([(block >= 0).sum(1) for block in layers], axis=1)
    before = np.cumsum(depths, axis=1) - depths
    times = 1 + _below(source, np.full(CHANGED, MOST))
    for time in range(MOST):
        at = _below(source, depths.sum(1))
        option = source.uniform(CHANGED)
        for stage, block in enumerate(layers):
            here = at - before[:, stage]
            rows = np.flatnonzero((here >= 0) & (here < depths[:, stage]) & (times > time))
            block[rows, here[rows]] = option[rows] * prices.counts[stage][several.cells[rows, stage]]
    made = Points(several.cells, layers)
    return made.take(np.flatnonzero(prices.inside(made)))


def _below(source: Stream, ends: Index) -> Index:
    """A whole number from 0, below each end."""
    return (source.uniform(len(ends)) * ends).astype(np.int64)


def _normal(source: Stream, count: int) -> Real:
    """Standard normal numbers (Box & Muller, 1958)."""
    half = -(-count // 2)
    radius = np.sqrt(-2 * np.log1p(-source.uniform(half)))
    angle = 2 * np.pi * source.uniform(half)
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:count]
