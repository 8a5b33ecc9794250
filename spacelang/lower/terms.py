"""The numbers of a chain, laid out once for the arithmetic, and the laws by which genotypes are weighed."""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from math import lcm
from typing import TYPE_CHECKING

from attrs import field, frozen

from spacelang.lower.chain import Chain, Key, Option
from spacelang.lower.pattern import Pattern

if TYPE_CHECKING:
    from spacelang.lower.sums import Layer

Axes = tuple[int, ...]


class Law(Enum):
    """How genotypes are weighed.

    UNIFORM gives each the same weight. RANDOM is the usual prior: cells equally likely, then each layer's
    option equally likely among those of its cell; conditioned on the links and the windows. Given a pattern,
    only what is free is weighed.
    """

    UNIFORM = "uniform"
    RANDOM = "random"


@frozen(eq=False)
class Terms:
    """The distinct option lists of a chain, which cell uses which, and the tables made of them so far."""

    chain: Chain
    lists: tuple[tuple[Option, ...], ...]
    index: tuple[dict[Key, int], ...]
    list_of: tuple[tuple[int, ...], ...]
    layers: dict[tuple[int, Axes], Layer] = field(factory=dict, repr=False)


@lru_cache(maxsize=16)
def terms(chain: Chain) -> Terms:
    """The terms of a chain, laid out once per chain."""
    numbers: dict[tuple[Option, ...], int] = {}
    list_of = tuple(
        tuple(numbers.setdefault(cell.options, len(numbers)) for cell in stage) for stage in chain.stages
    )
    lists = tuple(numbers)
    index = tuple({option.key: number for number, option in enumerate(options)} for options in lists)
    return Terms(chain, lists, index, list_of)


@frozen
class Place:
    """One cell under a pattern: the option of each layer (None: free), the number of free layers, its list."""

    cell: int
    layers: tuple[int | None, ...]
    free: int
    options: int  # number of the option list
    size: int  # its length
    base: tuple[int, ...]  # cost of the cell and of its settled layers, one integer per measure


def places(known: Terms, pattern: Pattern, stage: int) -> tuple[Place, ...]:
    """The cells that the pattern leaves to a stage, each with what the pattern settles in it."""
    found = []
    for cell in pattern.cells[stage]:
        value = known.chain.stages[stage][cell]
        number = known.list_of[stage][cell]
        index = known.index[number]
        keys = pattern.layers[stage][: value.depth]
        settled = tuple(None if key is None else index.get(key) for key in keys)
        settled += (None,) * (value.depth - len(settled))
        base = value.cost
        for option in settled:
            if option is not None:
                base = tuple(map(sum, zip(base, value.options[option].cost, strict=True)))
        free = settled.count(None)
        found.append(Place(cell, settled, free, number, len(value.options), base))
    return tuple(found)


def weights(cells: tuple[Place, ...], law: Law) -> tuple[int, ...]:
    """The integer weight of one completion of each cell.

    RANDOM weighs a completion of k free layers among m options by m^-k; the weights are multiplied by the
    least common multiple of the denominators, so that they are integers and their law is exact.
    """
    if law is Law.UNIFORM:
        return (1,) * len(cells)
    denominators = [cell.size**cell.free for cell in cells]
    scale = lcm(*denominators)
    return tuple(scale // denominator for denominator in denominators)
