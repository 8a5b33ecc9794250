"""Mutation and crossover on a chain, closed under windows.

Both say which genes are settled, which are between two parents and which are free, and leave the rest to the one
exact draw, given the windows. There are no retries. Where nothing is inside the windows, as for parents outside
of them, the (first) parent comes back, and the child says so. Without windows the operators are those of Chen et
al. 2021, Alg. 2.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import product
from typing import Literal

from attrs import frozen

from spacelang.lower.chain import Bounds, Chain, Genotype, inside
from spacelang.lower.draw import Stream, sample
from spacelang.lower.pattern import Either, Pattern
from spacelang.lower.prepared import drawable
from spacelang.lower.terms import Law, Terms, places, terms


@frozen
class Child:
    """A genotype with its descent; `returned`: nothing else was inside, so it is the first parent itself."""

    genotype: Genotype
    origin: Literal["mutation", "crossover"]
    parents: tuple[Genotype, ...]
    returned: bool


@frozen
class Rates:
    """The probabilities that a stage's depth, a stage's embed, and a layer's block become free in mutation."""

    depth: float
    embed: float
    layer: float


def mutate(
    chain: Chain, parents: Sequence[Genotype], rates: Rates, source: Stream, bounds: Bounds | None = None
) -> tuple[Child, ...]:
    """One mutated child per parent.

    Depth and embed of each stage become free with their probabilities, then each layer's block with its own;
    layers that the parent did not have are free. A free gene may come out as it was. The child of a parent
    inside the windows is inside.
    """
    children = []
    for parent in parents:
        pattern = loosened(chain, parent, rates, source)
        (genotype,) = _drawn(chain, pattern, 1, source, bounds or {})
        children.append(Child(genotype or parent, "mutation", (parent,), genotype is None))
    return tuple(children)


def cross(
    chain: Chain, pairs: Sequence[tuple[Genotype, Genotype]], source: Stream, bounds: Bounds | None = None
) -> tuple[Child, ...]:
    """One child per pair of parents.

    Depth and embed of each stage come from either parent by a fair coin each; the whole block of a layer that
    both have, from either by a fair coin; a layer that only the deeper one has, from that one. A block that is no
    option of the width it comes to is free. The coins are conditioned on the rules and on the windows: a child has
    the probability of its coins among all of which a network inside comes. So the child of parents inside is
    inside, and what a parent is to the other is the only reason for one to come back.
    """
    met: dict[tuple[Genotype, Genotype], list[int]] = {}
    for number, pair in enumerate(pairs):
        met.setdefault(pair, []).append(number)
    children: dict[int, Child] = {}
    for pair, numbers in met.items():
        pattern = mixed(chain, *pair)
        drawn = _drawn(chain, pattern, len(numbers), source, bounds or {})
        for number, genotype in zip(numbers, drawn, strict=True):
            children[number] = Child(genotype or pair[0], "crossover", pair, genotype is None)
    return tuple(children[number] for number in range(len(pairs)))


def loosened(chain: Chain, parent: Genotype, rates: Rates, source: Stream) -> Pattern:
    """The pattern of a mutation: the parent, with some genes made free."""
    coins = iter(source.uniform(sum(2 + len(layers) for layers in parent.layers)).tolist())
    cells, blocks = [], []
    for stage, index, layers in zip(chain.stages, parent.cells, parent.layers, strict=True):
        own = stage[index]
        any_depth, any_embed = next(coins) < rates.depth, next(coins) < rates.embed
        cells.append(
            tuple(
                number
                for number, cell in enumerate(stage)
                if (any_depth or cell.depth == own.depth) and (any_embed or cell.embed == own.embed)
            )
        )
        blocks.append(tuple(None if next(coins) < rates.layer else own.options[option].key for option in layers))
    return Pattern(tuple(cells), tuple(blocks))


def mixed(chain: Chain, one: Genotype, other: Genotype) -> Pattern:
    """The pattern of a crossover: every gene between the two parents."""
    cells, coins, blocks = [], [], []
    for t, stage in enumerate(chain.stages):
        first, second = stage[one.cells[t]], stage[other.cells[t]]
        falls = Counter(product((first.depth, second.depth), (first.embed, second.embed)))
        met = {number: falls[cell.depth, cell.embed] for number, cell in enumerate(stage)}
        cells.append(tuple(number for number, coin in met.items() if coin))
        coins.append(tuple(coin for coin in met.values() if coin))
        mine, its = (
            [cell.options[option].key for option in genotype.layers[t]]
            for cell, genotype in ((first, one), (second, other))
        )
        shared = [a if a == b else Either(a, b) for a, b in zip(mine, its, strict=False)]
        blocks.append((*shared, *max(mine, its, key=len)[len(shared) :]))
    return Pattern(tuple(cells), tuple(blocks), tuple(coins))


def _drawn(
    chain: Chain, pattern: Pattern, number: int, source: Stream, bounds: Bounds
) -> Sequence[Genotype | None]:
    """So many genotypes of a pattern inside windows; None each where nothing is inside."""
    only = _only(terms(chain), pattern)
    if only is not None:
        return [only if inside(chain, only, bounds) else None] * number
    prepared = drawable(chain, pattern, bounds, Law.RANDOM)
    return [None] * number if prepared is None else list(sample(prepared, number, source))


def _only(known: Terms, pattern: Pattern) -> Genotype | None:
    """The one genotype that a pattern leaves, None if it leaves a choice."""
    cells, blocks = [], []
    for stage, choice in enumerate(pattern.cells):
        if len(choice) > 1:
            return None
        (place,) = places(known, pattern, stage)
        if place.free or place.choices:
            return None
        cells.append(place.cell)
        blocks.append(tuple(option for option in place.layers if isinstance(option, int)))
    return Genotype(tuple(cells), tuple(blocks))
