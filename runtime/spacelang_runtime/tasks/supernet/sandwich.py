"""The sandwich: the networks that train together on one batch (Alg. 1: the largest, the smallest, two at random).

Which ones train at a step follows from the space, the recipe's mix, the seed and the step alone: every process
of a run, and a run that is resumed, finds the same ones without asking.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal, get_args

from attrs import frozen

from spacelang.architecture import Architecture
from spacelang.lower.bounds import windows
from spacelang.lower.chain import inside
from spacelang.lower.draw import draw, stream
from spacelang.lower.lowered import Lowered
from spacelang.recipe import Sandwich
from spacelang_runtime.failure import Failure
from spacelang_runtime.seeding import seed_of
from spacelang_runtime.tasks.supernet.stretches import FlopsStrata

Kind = Literal["largest", "smallest", "random"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@frozen
class Subnets:
    """Where the networks of a sandwich come from.

    largest, smallest: the networks of the space with the most and the fewest MACs. draw(seed, step, count): the
    random ones of a step. outside: the ends that do not keep the bounds of the training, as the random ones do.
    """

    largest: Architecture
    smallest: Architecture
    draw: Callable[[int, int, int], Sequence[Architecture]]
    outside: frozenset[Kind] = frozenset()


@frozen
class SandwichSubnet:
    """A network of a sandwich, with the kind of each place that it takes there.

    It may take several: in a space of one network it takes them all. It is trained once and counts as often.
    """

    architecture: Architecture
    kinds: tuple[Kind, ...]


def subnets_of(lowered: Lowered) -> Subnets:
    """The networks of a space: its ends, and draws inside the bounds of its recipe, by its `sampling`. Without
    these lines: from the whole of it, by the language's law of *random* (Alg. 1). Raises `Failure` for bounds that
    no network meets."""
    recipe, chain = lowered.space.train, lowered.chain
    bounds = windows(recipe.bounds, chain)
    match recipe.sampling:
        case "choices":
            draws = partial(draw, chain, bounds=bounds)
        case "flops":
            draws = FlopsStrata(chain, bounds).draw
    if bounds and not any(True for _ in draws(1, stream(0))):
        raise Failure(
            f"no network of {lowered.space.name} meets the bounds of its training, "
            f"{' and '.join(map(str, recipe.bounds))}",
            "loosen them in the train block",
        )

    def drawn(seed: int, step: int, count: int) -> Sequence[Architecture]:
        numbers = stream(seed_of("sandwich", seed, step))
        return [lowered.architecture(genotype) for genotype in draws(count, numbers)]

    ends: dict[Kind, Architecture] = {"largest": lowered.largest, "smallest": lowered.smallest}
    outside = (kind for kind, end in ends.items() if not inside(chain, lowered.genotype(end), bounds))
    return Subnets(ends["largest"], ends["smallest"], drawn, frozenset(outside))


def alone(architecture: Architecture) -> Subnets:
    """One network in every place of the sandwich."""
    return Subnets(architecture, architecture, lambda seed, step, count: [architecture] * count)


def sandwich(subnets: Subnets, mix: Sandwich, seed: int, step: int) -> tuple[SandwichSubnet, ...]:
    """The networks that train at a step (counted from 0), the largest first."""
    places: list[tuple[Kind, Architecture]] = [
        *([("largest", subnets.largest)] * mix.largest),
        *([("smallest", subnets.smallest)] * mix.smallest),
        *[("random", architecture) for architecture in subnets.draw(seed, step, mix.random)],
    ]
    kinds: dict[Architecture, list[Kind]] = {}
    for kind, architecture in places:
        kinds.setdefault(architecture, []).append(kind)
    return tuple(SandwichSubnet(architecture, tuple(own)) for architecture, own in kinds.items())
