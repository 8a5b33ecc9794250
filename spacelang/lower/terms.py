"""The numbers of a chain, laid out once for the arithmetic, and the laws by which genotypes are weighed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from enum import Enum
from functools import cached_property, lru_cache
from math import lcm, prod

from attrs import frozen

from spacelang.lower.chain import Cell, Chain, CostVector, Key, LayerOption
from spacelang.lower.pattern import Either, Pattern

Axes = tuple[int, ...]

KEPT = 512  # stages of patterns that are kept: children of the same parents have many in common
FEW = 64  # cells of a stage that is kept


class Law(Enum):
    """How genotypes are weighed.

    UNIFORM gives each the same weight. RANDOM is the usual prior: cells equally likely, then each layer's
    option equally likely among those of its cell; before all, what is chosen once for the network, each root
    equally likely; conditioned on the links and the windows. Given a pattern, only what is free is weighed.
    """

    UNIFORM = "uniform"
    RANDOM = "random"


@frozen(eq=False, slots=False)  # its ends are found once
class Terms:
    """The distinct option lists of a chain, and which cell uses which."""

    chain: Chain
    lists: tuple[tuple[LayerOption, ...], ...]
    index: tuple[dict[Key, int], ...]
    list_of: tuple[tuple[int, ...], ...]

    @cached_property
    def ends(self) -> tuple[tuple[CostVector, CostVector], ...]:
        """The least and the most that an option of each list costs, measure by measure."""
        columns = [list(zip(*(option.cost for option in options), strict=True)) for options in self.lists]
        return tuple((tuple(map(min, found)), tuple(map(max, found))) for found in columns)

    @cached_property
    def rooted(self) -> tuple[Mapping[int, Rooted], ...]:
        """The cells of each stage by their root."""
        roots: list[dict[int, Rooted]] = []
        for stage in self.chain.stages:
            rows: dict[int, list[tuple[int, Key]]] = {}
            for number, cell in enumerate(stage):
                rows.setdefault(cell.root, []).append((number, genes(cell)))
            roots.append({root: _rooted(own) for root, own in rows.items()})
        return tuple(roots)


@frozen
class Rooted:
    """The cells of a stage with one root: their numbers and genes, and gene by gene the values that there are."""

    cells: tuple[tuple[int, Key], ...]
    values: tuple[frozenset[object], ...]


def _rooted(rows: Sequence[tuple[int, Key]]) -> Rooted:
    return Rooted(tuple(rows), tuple(map(frozenset, zip(*(own for _, own in rows), strict=True))))


def genes(cell: Cell) -> Key:
    """The genes of a stage's own: its depth, its embed, and what is chosen once for it."""
    return cell.depth, cell.embed, *cell.tied


@lru_cache(maxsize=16)
def terms(chain: Chain) -> Terms:
    """The terms of a chain, laid out once per chain."""
    numbers: dict[tuple[LayerOption, ...], int] = {}
    list_of = tuple(
        tuple(numbers.setdefault(cell.options, len(numbers)) for cell in stage) for stage in chain.stages
    )
    lists = tuple(numbers)
    index = tuple({option.key: number for number, option in enumerate(options)} for options in lists)
    return Terms(chain, lists, index, list_of)


@frozen(cache_hash=True)
class WeightedChoice:
    """A layer that takes one of some options, by whole weights."""

    options: tuple[int, ...]
    shares: tuple[int, ...]

    @property
    def total(self) -> int:
        """What the options weigh together."""
        return sum(self.shares)


@frozen(cache_hash=True)
class PatternCell:
    """One cell under a pattern.

    layers: the option of each layer, a choice of some, None where it is free; `choices` are those that choose, and
    `free` is how many are free. options: the number of the cell's option list; size: its length. base: what the
    cell and its settled layers cost, one integer per measure. coins: by how many falls of the coins the cell comes
    about. ways: what all completions weigh together.
    """

    cell: int
    layers: tuple[int | WeightedChoice | None, ...]
    free: int
    options: int
    size: int
    base: tuple[int, ...]
    coins: int
    choices: tuple[WeightedChoice, ...]
    ways: int


def places(known: Terms, pattern: Pattern, stage: int) -> tuple[PatternCell, ...]:
    """The cells that the pattern leaves to a stage, each with what the pattern settles in it."""
    cells, coins = pattern.cells[stage], pattern.coins[stage] if pattern.coins else None
    return (_kept if len(cells) <= FEW else _places)(known, stage, cells, pattern.layers[stage], coins)


def _places(
    known: Terms,
    stage: int,
    left: tuple[int, ...],
    settled: tuple[Key | Either | None, ...],
    coins: tuple[int, ...] | None,
) -> tuple[PatternCell, ...]:
    cells = []
    shares = _shares(known.chain, left, stage)
    for at, cell in enumerate(left):
        value = known.chain.stages[stage][cell]
        number = known.list_of[stage][cell]
        index = known.index[number]
        layers: list[int | WeightedChoice | None] = []
        for key in settled[: value.depth]:
            match key:
                case None:
                    layers.append(None)
                case Either(one, other):
                    layers.append(_between(index.get(one), index.get(other), len(value.options)))
                case _:
                    layers.append(index.get(key))
        layers += [None] * (value.depth - len(layers))
        spent = [value.options[layer].cost for layer in layers if isinstance(layer, int)]
        base = tuple(map(sum, zip(value.cost, *spent, strict=True)))
        falls = coins[at] if coins else shares[value.root]
        choices = tuple(layer for layer in layers if isinstance(layer, WeightedChoice))
        free, size = layers.count(None), len(value.options)
        ways = size**free * prod(choice.total for choice in choices)
        cells.append(PatternCell(cell, tuple(layers), free, number, size, base, falls, choices, ways))
    return tuple(cells)


_kept = lru_cache(maxsize=KEPT)(_places)
_ALONE = {0: 1}


def _shares(chain: Chain, cells: Sequence[int], stage: int) -> Mapping[int, int]:
    """What each cell of a stage weighs by the number of its root.

    What is chosen once for the network is drawn first, so the cells that go with it share what it weighs: one of n
    such cells weighs 1 / n, here times the least common multiple of all n.
    """
    if not chain.roots:
        return _ALONE
    among = Counter(chain.stages[stage][cell].root for cell in cells)
    whole = lcm(*among.values())
    return {root: whole // number for root, number in among.items()} if len(among) > 1 else dict.fromkeys(among, 1)


def _between(one: int | None, other: int | None, size: int) -> int | WeightedChoice | None:
    """One of two options by a fair coin; on a side that is no option here, any option with equal chance."""
    if one == other:
        return one
    if one is not None and other is not None:
        return WeightedChoice((one, other), (1, 1))
    kept = one if one is not None else other
    return WeightedChoice(tuple(range(size)), tuple(size + 1 if option == kept else 1 for option in range(size)))


def weights(cells: tuple[PatternCell, ...], law: Law) -> tuple[int, ...]:
    """The integer weight of one completion of each cell.

    UNIFORM looks at neither coins nor shares, and is meant for patterns without them. RANDOM weighs a completion
    of k free layers among m options by m^-k, times what its choices are of all theirs and the coins of the cell;
    the weights are multiplied by the least common multiple of the denominators, so that they are integers and
    their law is exact.
    """
    if law is Law.UNIFORM:
        return (1,) * len(cells)
    scale = lcm(*(cell.ways for cell in cells))
    return tuple(cell.coins * scale // cell.ways for cell in cells)
