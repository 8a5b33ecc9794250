"""Networks drawn from a space, and children of networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from spacelang.api.architecture import Architecture, ArchitectureLike
from spacelang.api.error import NotAnOption
from spacelang.api.exactly import exactly
from spacelang.api.measures import Amount, Further, none_inside
from spacelang.api.priced import Priced
from spacelang.api.ranges import whole
from spacelang.api.worded import worded

if TYPE_CHECKING:
    from spacelang.api.networks import Networks
    from spacelang.lower.chain import Genotype

_STRETCHES = 10


@worded
@exactly()
def sample(
    space: Priced,
    number: int = 1,
    *,
    flops: Amount | None = None,
    params: Amount | None = None,
    latency: Amount | None = None,
    bounds: Further | None = None,
    law: Literal["random", "uniform"] = "random",
    stratified: bool = False,
    seed: int = 0,
) -> Networks:
    """Networks drawn exactly from a law and exactly inside bounds: the same seed, the same networks.

    Args:
        number: how many.
        flops, params, latency, bounds: as for `count`.
        law: `random` takes each stage, then each layer, uniformly; `uniform` takes each network alike.
        stratified: whether as many are drawn from each of ten stretches of MACs.
        seed: of the draws.

    Raises:
        NotAnOption: for a law that is none, and numbers that cannot be.
        Failure: where nothing is inside the bounds, with the values that can be met, and where too many sums of
            costs would have to be told apart.
    """
    from spacelang.api.networks import Networks
    from spacelang.lower.draw import draw, stream
    from spacelang.lower.stratify import stratified as spread
    from spacelang.lower.terms import Law

    whole("number", number, 0)
    whole("seed", seed, 0)
    if law not in (laws := [one.value for one in Law]):
        raise NotAnOption("law", f"{law!r} is none of {', '.join(laws)}")
    chain, words, narrowed = space.lowered.chain, stream(seed), False
    inside = space.windows(flops, params, latency, bounds)
    drawn: tuple[Genotype, ...]
    if stratified:
        drawn = spread(chain, number, words, parts=_STRETCHES, law=Law(law), bounds=inside)
    else:
        made = draw(chain, number, words, law=Law(law), bounds=inside)
        drawn, narrowed = tuple(made), made.narrowed
    if not drawn and number > 0:
        raise none_inside(space.name, chain, inside, space.measured)
    networks = tuple(Architecture(space.lowered.architecture(one)) for one in drawn)
    return Networks(space.name, networks, tuple(map(space.costs_of, drawn)), narrowed)


@worded
@exactly()
def mutate(
    space: Priced,
    architecture: ArchitectureLike,
    *,
    flops: Amount | None = None,
    params: Amount | None = None,
    latency: Amount | None = None,
    bounds: Further | None = None,
    seed: int = 0,
) -> Architecture:
    """A mutation of a network by the rates of the space's recipe (Chen et al., 2021, supplement, Alg. 2).

    Where nothing else is inside the bounds, the network comes back.

    Args:
        architecture: a network of the space, inside the bounds, or its line.
        flops, params, latency, bounds: that the child keeps, as for `count`.
        seed: of the draws.

    Raises:
        Failure: for a network that is not of the space.
    """
    from spacelang.lower.draw import stream
    from spacelang.lower.operators import mutate
    from spacelang_runtime.search.algorithms import rates

    whole("seed", seed, 0)
    windows = space.windows(flops, params, latency, bounds)
    parents = [space.genotype(architecture)]
    chain, given = space.lowered.chain, rates(space.checked.evolve)
    (child,) = mutate(chain, parents, given, stream(seed), windows)
    return Architecture(space.lowered.architecture(child.genotype))


@worded
@exactly()
def cross(
    space: Priced,
    one: ArchitectureLike,
    other: ArchitectureLike,
    *,
    flops: Amount | None = None,
    params: Amount | None = None,
    latency: Amount | None = None,
    bounds: Further | None = None,
    seed: int = 0,
) -> Architecture:
    """A child of two networks: depth, width and each layer from either (Chen et al., 2021, supplement, Alg. 2).

    Args:
        one, other: networks of the space, inside the bounds, or their lines.
        flops, params, latency, bounds: that the child keeps, as for `count`.
        seed: of the draws.

    Raises:
        Failure: for a network that is not of the space.
    """
    from spacelang.lower.draw import stream
    from spacelang.lower.operators import cross

    whole("seed", seed, 0)
    windows = space.windows(flops, params, latency, bounds)
    pair = (space.genotype(one), space.genotype(other))
    (child,) = cross(space.lowered.chain, [pair], stream(seed), windows)
    return Architecture(space.lowered.architecture(child.genotype))
