"""Mutation and crossover on a chain, closed under windows.

Both say which genes are free and which are settled, and leave the rest to the one exact draw: free genes come
from the law of `random`, given the settled ones and the windows. There are no retries. Where what is settled
leaves nothing inside the windows, the (first) parent comes back, and the child says so. Without windows the
operators are those of Chen et al. 2021, Alg. 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from attrs import frozen

from spacelang.lower.chain import Bounds, Chain, Genotype, inside
from spacelang.lower.draw import Stream, sample
from spacelang.lower.pattern import Pattern
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
        children.append(_child(chain, pattern, "mutation", (parent,), source, bounds or {}))
    return tuple(children)


def cross(
    chain: Chain, pairs: Sequence[tuple[Genotype, Genotype]], source: Stream, bounds: Bounds | None = None
) -> tuple[Child, ...]:
    """One child per pair of parents.

    Depth and embed of each stage come from either parent by a fair coin each; the whole block of a layer that
    both have, from either by a fair coin; a layer that only the deeper one has, from that one. The child of
    parents inside the windows is inside.
    """
    children = []
    for pair in pairs:
        pattern = mixed(chain, *pair, source)
        children.append(_child(chain, pattern, "crossover", pair, source, bounds or {}))
    return tuple(children)


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


def mixed(chain: Chain, one: Genotype, other: Genotype, source: Stream) -> Pattern:
    """The pattern of a crossover: every gene from either parent.

    A (depth, embed) that is no cell of its stage leaves the depth free, or all of the stage where no cell has
    that embed. From left to right, a stage whose cells no link allows after those before it becomes free.
    """
    tosses = sum(2 + max(map(len, layers)) for layers in zip(one.layers, other.layers, strict=True))
    coins = iter((source.uniform(tosses) < 0.5).tolist())
    cells, blocks = [], []
    for t, stage in enumerate(chain.stages):
        first, second = stage[one.cells[t]], stage[other.cells[t]]
        depth = (first if next(coins) else second).depth
        embed = (first if next(coins) else second).embed
        wide = tuple(number for number, cell in enumerate(stage) if cell.embed == embed)
        cells.append(tuple(number for number in wide if stage[number].depth == depth) or wide)
        keys = [
            tuple(cell.options[option].key for option in genotype.layers[t])
            for cell, genotype in ((first, one), (second, other))
        ]
        shared = min(map(len, keys))
        block = [a if next(coins) else b for a, b in zip(keys[0][:shared], keys[1][:shared], strict=True)]
        rest = max(keys, key=len)[shared:]
        for _ in rest:
            next(coins)
        blocks.append((*block, *rest))
    return Pattern(_linked(chain, cells), tuple(blocks))


def _linked(chain: Chain, cells: Sequence[tuple[int, ...]]) -> tuple[tuple[int, ...], ...]:
    """The cells, with a stage made free where no link allows it after what stands before it.

    Where even that finds no link, the stages before it become free too.
    """
    found = [cells[0]]
    met = set(cells[0])
    for t, joint in enumerate(chain.joints):
        everything = tuple(range(len(chain.stages[t + 1])))
        choice = cells[t + 1]
        after = {j for j in choice if any(joint.link(i, j) for i in met)}
        if not after:
            choice = everything
            after = {j for j in choice if any(joint.link(i, j) for i in met)}
        if not after:
            found = [tuple(range(len(stage))) for stage in chain.stages[: t + 1]]
            after = set(everything)
        found.append(choice)
        met = after
    return tuple(found)


def _child(
    chain: Chain,
    pattern: Pattern,
    origin: Literal["mutation", "crossover"],
    parents: tuple[Genotype, ...],
    source: Stream,
    bounds: Bounds,
) -> Child:
    only = _only(terms(chain), pattern)
    if only is not None:
        fits = inside(chain, only, bounds)
        return Child(only if fits else parents[0], origin, parents, not fits)
    prepared = drawable(chain, pattern, bounds, Law.RANDOM)
    if prepared is None:
        return Child(parents[0], origin, parents, True)
    return Child(next(iter(sample(prepared, 1, source))), origin, parents, False)


def _only(known: Terms, pattern: Pattern) -> Genotype | None:
    """The one genotype that a pattern leaves, None if it leaves a choice."""
    cells, blocks = [], []
    for stage, choice in enumerate(pattern.cells):
        if len(choice) > 1:
            return None
        (place,) = places(known, pattern, stage)
        if place.free:
            return None
        cells.append(place.cell)
        blocks.append(tuple(option for option in place.layers if option is not None))
    return Genotype(tuple(cells), tuple(blocks))
