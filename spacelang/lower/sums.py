"""What k layers with one option list can cost together, and in how many ways.

The free layers of a cell share one option list, so their sum takes few values: those of the multisets of options
(8 layers of 18 options cost one of 8 041 pairs of MACs and parameters, not one of 18^8). The table for k
layers follows from that for k - 1 by one outer sum, and remembers by what it was reached, so that a sum is
turned back into k options by k small draws.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from spacelang.lower.terms import Axes, PatternCell, Terms
from spacelang.lower.too_large import TooLarge

Int = NDArray[np.int64]
Real = NDArray[np.float64]
Array = NDArray[Any]  # float64, or Python integers where these are not exact

EXACT = 2**53  # below this, sums and products of integers are exact in float64
MOST = 1 << 24  # no table is made of more sums than this
FEW = 1 << 10  # up to so many sums of choices are listed as they come, equal ones too


@frozen(eq=False)
class Sums:
    """What some layers can cost together.

    `cost` is (measures, n). `weights` (n,) is the weight of the option sequences that cost it (their number,
    where all options weigh one), in float64: exactly while the total is below 2^53, beyond to a relative error
    of layers · options · 2^-53 (all terms are positive). The last layer takes one of `options`, which weigh
    `shares`. `before` is (n, options): the entry of the table without it, `shorter`, that is left when it takes
    each, -1 where there is none. None: entry i is what entry i // options was, with option i % options.
    """

    cost: Int
    weights: Real
    options: Int
    shares: Real
    before: NDArray[np.int32] | None
    shorter: Sums | None = None


def nothing(measures: int) -> Sums:
    """The table of no layers: one sum that costs nothing."""
    none = np.zeros(0, np.int64)
    return Sums(np.zeros((measures, 1), np.int64), np.ones(1), none, np.zeros(0), None)


def extended(last: Sums, cost: Int, options: Int, shares: Real, *, merged: bool) -> Sums:
    """The table with one layer more, which takes one of `options` of cost (measures, options) by their shares.

    merged: equal sums become one entry.
    """
    measures, size = last.cost.shape
    if size * len(options) > MOST:
        raise TooLarge(
            f"some layers have {size * len(options):,} sums of costs: bound fewer measures at once, or give the "
            "space fewer layers or options"
        )
    whole = (last.cost[:, :, None] + cost[:, None, :]).reshape(measures, size * len(options))
    if not merged:
        return Sums(whole, np.multiply.outer(last.weights, shares).reshape(-1), options, shares, None, last)
    _, first, entry = np.unique(label(whole), return_index=True, return_inverse=True)
    entry = entry.reshape(-1)
    before = np.full((len(first), len(options)), -1, np.int32)
    before[entry, np.tile(np.arange(len(options)), size)] = np.repeat(np.arange(size, dtype=np.int32), len(options))
    weight = np.bincount(entry, weights=np.multiply.outer(last.weights, shares).reshape(-1))
    return Sums(
        np.ascontiguousarray(whole[:, first]), weight.astype(np.float64, copy=False), options, shares, before, last
    )


@lru_cache(maxsize=512)
def ways(table: Sums, without: frozenset[int] = frozenset()) -> Array:
    """The exact weights of a table as Python integers, of the sequences that take none of some options."""
    if table.shorter is None:
        return np.array([1], object)
    found, shares = ways(table.shorter, without), integers(table.shares)
    shares = np.where([option in without for option in table.options.tolist()], 0, shares)
    if table.before is None:
        return np.multiply.outer(found, shares).reshape(-1)
    whole: Array = (np.append(found, 0)[table.before] * shares).sum(axis=1)  # -1 is the appended entry: no way
    return whole


@frozen(eq=False)
class LayerTables:
    """One option list along the measures that are bounded: its cost (measures, options), and its tables."""

    cost: Int
    tables: list[Sums] = field(factory=list, repr=False)


_LAYERS: WeakKeyDictionary[Terms, dict[tuple[int, Axes], LayerTables]] = WeakKeyDictionary()


def layer(known: Terms, number: int, axes: Axes) -> LayerTables:
    """An option list along some measures, with its shared tables, which last as long as the terms do."""
    layers = _LAYERS.setdefault(known, {})
    tables = layers.get((number, axes))
    if tables is None:
        cost = [[option.cost[axis] for option in known.lists[number]] for axis in axes]
        shape = (len(axes), len(known.lists[number]))
        tables = layers[number, axes] = LayerTables(np.array(cost, np.int64).reshape(shape))
    return tables


def sums(layer: LayerTables, count: int) -> Sums:
    """The costs of `count` layers with this option list; computed once per list and number."""
    measures, options = layer.cost.shape
    tables = layer.tables
    if not tables:
        tables.append(nothing(measures))
    while len(tables) <= count:
        tables.append(extended(tables[-1], layer.cost, np.arange(options), np.ones(options), merged=True))
    return tables[count]


def completions(known: Terms, place: PatternCell, axes: Axes) -> Sums:
    """What the layers of a place that are not settled can cost: the free ones first, then those that choose."""
    own = layer(known, place.options, axes)
    table = sums(own, place.free)
    for choice in place.choices:
        options = np.array(choice.options)
        merged = not axes or len(table.weights) * len(options) > FEW
        shares = np.array(choice.shares, np.float64)
        table = extended(table, own.cost[:, options], options, shares, merged=merged)
    return table


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
