"""What k layers with one option list can cost together, and in how many ways.

The layers of a cell share one option list, so their sum takes few values: those of the multisets of options
(8 layers of 18 options cost one of 8 041 pairs of MACs and parameters, not one of 18^8). The table for k
layers follows from that for k - 1 by one outer sum, and remembers by what it was reached, so that a sum is
turned back into k options by k small draws.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from spacelang.lower.terms import Axes, Terms
from spacelang.lower.too_large import TooLarge

Int = NDArray[np.int64]
Real = NDArray[np.float64]
Array = NDArray[Any]  # float64, or Python integers where these are not exact

EXACT = 2**53  # below this, sums and products of integers are exact in float64
MOST = 1 << 24  # no table is made of more sums than this


@frozen(eq=False)
class Sums:
    """The distinct costs of k layers.

    `cost` is (measures, n). `weights` (n,) counts the option sequences that cost it, in float64: exactly while
    options^k is below 2^53, beyond to a relative error of k · options · 2^-53 (all terms are positive).
    `before` is (n, options): the entry of the table for k - 1, `shorter`, that is left when the last layer
    takes that option, -1 where there is none.
    """

    cost: Int
    weights: Real
    before: NDArray[np.int32]
    shorter: Sums | None = None


@lru_cache(maxsize=256)
def ways(table: Sums) -> Array:
    """The exact counts of a table as Python integers."""
    if table.shorter is None:
        return np.array([1], object)
    found: Array = np.append(ways(table.shorter), 0)[table.before].sum(axis=1)  # -1 is the appended entry: no way
    return found


@frozen(eq=False)
class Layer:
    """One option list along the measures that are bounded: its cost (measures, options), and its tables."""

    cost: Int
    tables: list[Sums] = field(factory=list, repr=False)


def layer(known: Terms, number: int, axes: Axes) -> Layer:
    """An option list along some measures, with its shared tables."""
    found = known.layers.get((number, axes))
    if found is None:
        cost = [[option.cost[axis] for option in known.lists[number]] for axis in axes]
        shape = (len(axes), len(known.lists[number]))
        found = known.layers[number, axes] = Layer(np.array(cost, np.int64).reshape(shape))
    return found


def sums(layer: Layer, count: int) -> Sums:
    """The costs of `count` layers with this option list; computed once per list and number."""
    measures, options = layer.cost.shape
    tables = layer.tables
    if not tables:
        tables.append(Sums(np.zeros((measures, 1), np.int64), np.ones(1), np.zeros((1, options), np.int32)))
    while len(tables) <= count:
        last = tables[-1]
        entries = last.cost.shape[1] * options
        if entries > MOST:
            raise TooLarge(
                f"{len(tables)} layers have some {entries:,} sums of costs: bound fewer measures at once, or "
                "give the space fewer layers or options"
            )
        cost = (last.cost[:, :, None] + layer.cost[:, None, :]).reshape(measures, last.cost.shape[1] * options)
        _, first, entry = np.unique(label(cost), return_index=True, return_inverse=True)
        entry = entry.reshape(-1)
        previous = np.repeat(np.arange(last.cost.shape[1], dtype=np.int32), options)
        before = np.full((len(first), options), -1, np.int32)
        before[entry, np.tile(np.arange(options), last.cost.shape[1])] = previous
        weight = np.bincount(entry, weights=last.weights[previous]).astype(np.float64, copy=False)
        tables.append(Sums(np.ascontiguousarray(cost[:, first]), weight, before, last))
    return tables[count]


def label(cost: Int) -> Int:
    """One integer per column of `cost` (measures, n), equal exactly for equal columns.

    Ascending in the first measure, then the second, and so on, where the ranges allow it.
    """
    if len(cost) == 0 or cost.shape[1] == 0:
        return np.zeros(cost.shape[1], np.int64)
    low = cost.min(axis=1)
    spans = [int(high) - int(least) + 1 for high, least in zip(cost.max(axis=1), low, strict=True)]
    labels: Int = cost[0] - low[0]
    reach = spans[0]
    for axis in range(1, len(cost)):
        if reach * spans[axis] >= 2**63:  # too wide for mixed radix: number what there is
            labels = np.unique(labels, return_inverse=True)[1].reshape(-1).astype(np.int64)
            reach = len(labels)
        labels = labels * spans[axis] + (cost[axis] - low[axis])
        reach *= spans[axis]
    return labels


def integers(weight: Array) -> Array:
    """The same whole numbers as Python integers."""
    return weight if weight.dtype == object else np.array([int(one) for one in weight.tolist()], object)
