"""The long search: the best network inside a bound by a function without noise."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor

from oracle.genes import Index, Points, features
from spacelang.lower.bounds import windows
from spacelang.lower.draw import draw, stream
from spacelang.lower.lowered import Lowered
from spacelang.recipe import Bound

DRAWS = 200_000
STARTS = 5  # of each depth and width, from which it climbs


def best(
    lowered: Lowered,
    bound: Bound,
    trees: HistGradientBoostingRegressor,
    draws: int = DRAWS,
    starts: int = STARTS,
) -> float:
    """The highest truth inside the bound that a long search without noise comes to.

    Of so many draws, the best few of each depth and width climb: each goes to the best network that differs in at
    most two layers and is inside, until none is better.
    """
    drawn = draw(lowered.chain, draws, stream(0), bounds=windows((bound,), lowered.chain))
    networks = Points(drawn.cells[:, 0], drawn.layers[0])
    truth = trees.predict(features(lowered, networks))
    tops = []
    for cell in np.unique(networks.cells):
        mine = np.flatnonzero(networks.cells == cell)
        for start in mine[np.argsort(-truth[mine], kind="stable")[:starts]]:
            layers, top = networks.layers[start], truth[start]
            while True:
                around = neighbours(lowered, bound, int(cell), layers)
                told = trees.predict(features(lowered, around))
                if told.max() <= top:
                    break
                layers, top = around.layers[told.argmax()], told.max()
            tops.append(float(top))
    return max(tops)


def neighbours(lowered: Lowered, bound: Bound, cell: int, layers: Index) -> Points:
    """The networks inside the bound that differ from one in at most two layers, itself among them."""
    place = lowered.chain.stages[0][cell]
    at = lowered.chain.measures.index(bound.measure)
    price = np.array([option.cost[at] for option in place.options])
    options = np.arange(len(place.options))

    def changed() -> Iterator[Index]:
        for two in combinations(range(place.depth), 2):
            block = np.tile(layers, (len(options) ** 2, 1))
            block[:, two] = np.stack(np.meshgrid(options, options), -1).reshape(-1, 2)
            yield block

    around = np.vstack(list(changed()))
    spent = place.cost[at] + price[around[:, : place.depth]].sum(1)
    around = around[(spent >= (bound.low or 0)) & (spent <= (np.inf if bound.high is None else bound.high))]
    return Points(np.full(len(around), cell), around)
