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
from math import lcm, prod
from typing import Literal

from attrs import frozen

from spacelang.lower.chain import Bounds, Cell, Chain, Genotype, Key, inside
from spacelang.lower.draw import Stream, sample
from spacelang.lower.pattern import Either, Pattern
from spacelang.lower.sampling_table import sampling_table
from spacelang.lower.terms import Law, Rooted, Terms, genes, places, terms


@frozen
class Child:
    """A genotype with its descent; `returned`: nothing else was inside, so it is the first parent itself."""

    genotype: Genotype
    origin: Literal["mutation", "crossover"]
    parents: tuple[Genotype, ...]
    returned: bool


@frozen
class Rates:
    """The probabilities that a stage's depth, a stage's embed, and a layer's block become free in mutation; and
    those of each choice that is made once for a stage, and once for the network."""

    depth: float
    embed: float
    layer: float
    stage: float = 0.0
    network: float = 0.0


def mutate(
    chain: Chain, parents: Sequence[Genotype], rates: Rates, source: Stream, bounds: Bounds | None = None
) -> tuple[Child, ...]:
    """One mutated child per parent.

    Each choice of the network becomes free with its probability, then depth, embed and each choice of every stage
    with theirs, then each layer's block with its own; layers that the parent did not have are free, and so is what
    no network has under the choices of the network that are drawn. A free gene may come out as it was. The child
    of a parent inside the windows is inside.
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

    Each choice of the network comes from either parent by a fair coin; then depth, embed and each choice of every
    stage by a fair coin each, where a side that no network has under the choices of the network is free; the whole
    block of a layer that
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
    owns = [stage[index] for stage, index in zip(chain.stages, parent.cells, strict=True)]
    root = _root(chain, owns[0])
    chances = [(rates.depth, rates.embed, *(rates.stage for _ in own.tied)) for own in owns]
    count = len(root) + sum(len(own) + len(layers) for own, layers in zip(chances, parent.layers, strict=True))
    coins = iter(source.uniform(count).tolist())
    fixed = [None if next(coins) < rates.network else value for value in root]
    roots = [number for number, row in enumerate(chain.roots or ((),)) if _agree(fixed, row)]
    cells, blocks = [], []
    for stage, own, mine, layers in zip(terms(chain).rooted, owns, chances, parent.layers, strict=True):
        kept = [None if next(coins) < rate else value for rate, value in zip(mine, genes(own), strict=True)]
        cells.append(tuple(number for at in roots for number in _agreeing(stage[at], kept)))
        blocks.append(tuple(None if next(coins) < rates.layer else own.options[option].key for option in layers))
    return Pattern(tuple(cells), tuple(blocks))


def _root(chain: Chain, cell: Cell) -> Key:
    """What is chosen once for the network where a stage has this cell."""
    return chain.roots[cell.root] if chain.roots else ()


def _agree(fixed: Sequence[object | None], values: Key) -> bool:
    return all(one is None or one == value for one, value in zip(fixed, values, strict=True))


def _agreeing(among: Rooted, fixed: Sequence[object | None]) -> Sequence[int]:
    """The cells of a root with these genes, None being free; a gene that no cell of the root has is free."""
    cells = among.cells
    for at, (gene, legal) in enumerate(zip(fixed, among.values, strict=True)):
        if gene is not None and gene in legal:
            cells = tuple(cell for cell in cells if cell[1][at] == gene)
    return [number for number, _ in cells]


def mixed(chain: Chain, one: Genotype, other: Genotype) -> Pattern:
    """The pattern of a crossover: every gene between the two parents."""
    pairs = [
        (stage[mine], stage[its]) for stage, mine, its in zip(chain.stages, one.cells, other.cells, strict=True)
    ]
    falls = Counter(product(*zip(_root(chain, pairs[0][0]), _root(chain, pairs[0][1]), strict=True)))
    cells, coins, blocks = [], [], []
    for t, (stage, (first, second)) in enumerate(zip(terms(chain).rooted, pairs, strict=True)):
        chances = [
            (1 if t else falls[row], *_chances(stage[root], first, second))
            for root, row in enumerate(chain.roots or ((),))
            if falls[row]
        ]
        whole = lcm(*(of for _, of, _ in chances))
        met = {n: fall * (whole // of) * chance for fall, of, own in chances for n, chance in own.items()}
        cells.append(tuple(met))
        coins.append(tuple(met.values()))
        mine, its = (
            [cell.options[option].key for option in genotype.layers[t]]
            for cell, genotype in ((first, one), (second, other))
        )
        shared = [a if a == b else Either(a, b) for a, b in zip(mine, its, strict=False)]
        blocks.append((*shared, *max(mine, its, key=len)[len(shared) :]))
    return Pattern(tuple(cells), tuple(blocks), tuple(coins))


def _chances(among: Rooted, first: Cell, second: Cell) -> tuple[int, dict[int, int]]:
    """By how many falls of the coins of two parents each cell of a root comes about, and in what units of a fall.

    Where the coin of a gene falls on a value that no cell of the root has, each that one has comes about by an
    equal part of the fall.
    """
    of, chances = 1, []
    for one, other, legal in zip(genes(first), genes(second), among.values, strict=True):
        free = (one not in legal) + (other not in legal)
        scale = len(legal) if free else 1
        of *= scale
        chances.append(dict.fromkeys(legal, free) if free else {})
        for side in (one, other):
            if side in legal:
                chances[-1][side] = chances[-1].get(side, 0) + scale
    met = {
        number: prod(chance.get(gene, 0) for chance, gene in zip(chances, own, strict=True))
        for number, own in among.cells
    }
    return of, {number: chance for number, chance in met.items() if chance}


def _drawn(
    chain: Chain, pattern: Pattern, number: int, source: Stream, bounds: Bounds
) -> Sequence[Genotype | None]:
    """So many genotypes of a pattern inside windows; None each where nothing is inside."""
    only = _only(terms(chain), pattern)
    if only is not None:
        return [only if inside(chain, only, bounds) else None] * number
    table = sampling_table(chain, pattern, bounds, Law.RANDOM)
    return [None] * number if table is None else list(sample(table, number, source))


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
