"""The networks by which a space is measured: draws inside the bounds, and more of those that have a rare choice.

The first `samples` networks are independent draws from the law of *random*, given the bounds: the law of
training, of the search's first population and of every comparison with random networks. They serve every
subspace. A choice of which they say too little gets draws of its own, from the same law of the space in which that
dimension of that stage is settled to that choice, so that all layers of the stage have it; they serve that
choice alone, since they say nothing of how networks are spread over the other dimensions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil

from attrs import evolve, frozen

from spacelang.architecture import Architecture
from spacelang.expression import Number
from spacelang.lower.cells import Legal
from spacelang.lower.chain import Bounds, cost
from spacelang.lower.draw import draw, stream
from spacelang.lower.legal import legal
from spacelang.lower.lowered import Lowered
from spacelang.lower.price import price
from spacelang.recipe import Refine
from spacelang.refinement.subspace import Subspace
from spacelang.space import Settled, StageSpace, tied


@frozen
class Given:
    """The choice that a draw was made for."""

    stage: int
    dimension: str
    option: Number


@frozen
class Sample:
    """A drawn network with its costs. given: the choice that it was drawn for; None: for all."""

    architecture: Architecture
    flops: int
    params: int
    given: Given | None = None


def drawn(lowered: Lowered, recipe: Refine, bounds: Bounds, parts: Sequence[Subspace]) -> tuple[Sample, ...]:
    """The networks to measure a space by; none where nothing lies inside the bounds.

    The same for the same space, recipe and bounds, on every machine.
    """
    first = tuple(_draws(lowered, recipe.samples, recipe.seed << 32, bounds, None))
    more: list[Sample] = []
    number = 0
    for part in parts:
        worth = [_worth(part, sample.architecture) for sample in first]
        for place, option in enumerate(part.options):
            number += 1
            missing = ceil(recipe.per_choice - sum(row[place] for row in worth) - 1e-9)
            narrow = settled(lowered, part, option) if first and missing > 0 else None
            if narrow is not None:
                given = Given(part.stage, part.dimension, option)
                more += _draws(narrow, missing, recipe.seed << 32 | number, bounds, given)
    return (*first, *more)


def settled(lowered: Lowered, part: Subspace, option: Number) -> Lowered | None:
    """A space with one dimension of one stage, or of the network, settled, on the whole one's supernet; None where
    it is empty."""
    space = lowered.space

    def decided(number: int, stage: StageSpace) -> StageSpace:
        whole = part.stage == 0 and part.dimension in tied(stage, "network")
        return evolve(stage, **{part.dimension: Settled(option)}) if whole or number == part.stage else stage

    narrow = evolve(space, stages=tuple(decided(number, stage) for number, stage in enumerate(space.stages, 1)))
    left = legal(narrow)
    if not isinstance(left, Legal) or not all(left.stages):
        return None
    return Lowered(narrow, left, lowered.plan, price(narrow, left))


def _worth(part: Subspace, architecture: Architecture) -> tuple[float, ...]:
    """How much a network says of each option, in networks that have it in all layers of the stage.

    Where k layers choose one by one, the stage's mean varies a k-th as much from network to network as where all
    have the same; what it says of the slope is a k-th, too.
    """
    layers = len(architecture.stages[part.seen - 1].layers) if part.layered else 1
    return tuple(share / layers for share in part.shares(architecture))


def _draws(lowered: Lowered, count: int, seed: int, bounds: Bounds, given: Given | None) -> Iterator[Sample]:
    for genotype in draw(lowered.chain, count, stream(seed), bounds=bounds):
        spent = dict(zip(lowered.chain.measures, cost(lowered.chain, genotype), strict=True))
        yield Sample(lowered.architecture(genotype), spent["flops"], spent["params"], given)
