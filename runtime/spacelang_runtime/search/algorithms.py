"""The search algorithms: who is kept after a generation, and who is made of those who are kept.

All of them draw, mutate and cross by the same exact operators inside the same bounds, and ask for equally many
networks a generation, so that they can be compared at equal cost.

    paper        the `parents` best of everything scored have children (Chen et al., 2021, supplement, Alg. 2)
    random       every generation is drawn anew
    regularized  the last `population` networks, the oldest leave; each child is the mutation of the best of
                 `parents` drawn from these (aging evolution: Real et al., 2019)
    nsga2        the `population` best by non-dominated fronts, then by crowding; parents win tournaments of two by
                 the same order (Deb et al., 2002)
    predictor    a regression over genes proposes each generation, out of thousands of networks (`proposals`); while
                 it is not to be believed (`predictor`), a generation is made as by `paper`

The first was made for one generation at a time; the others take the recipe's words as said above. Regularized
evolution makes `crossover + mutation` children at once, where its authors make one: with `crossover=0` and
`mutation=1` it is theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, get_args

from attrs import frozen

from spacelang.lower.chain import Bounds, Chain, Genotype
from spacelang.lower.draw import Stream, draw
from spacelang.lower.operators import Child, Rates, cross, mutate
from spacelang.recipe import Evolve
from spacelang_runtime.search.pareto import Point, crowding, fronts
from spacelang_runtime.search.predictor import Predictor
from spacelang_runtime.search.proposals import proposed

Algorithm = Literal["paper", "random", "regularized", "nsga2", "predictor"]
ALGORITHMS: tuple[Algorithm, ...] = get_args(Algorithm)
BY_RANK: tuple[Algorithm, ...] = (
    "paper",
    "random",
    "predictor",
)  # only the best of everything scored matter to these


@frozen
class Individual:
    """A network that has its scores. point: less is better in each entry, the first being accuracy. name: settles
    ties, so that they do not depend on who was scored first."""

    genotype: Genotype
    point: Point
    name: str


@frozen
class Variation:
    """What children are drawn from: the space's chain, the bounds, the recipe and a stream of numbers. predictor:
    what was learned so far, None: nothing."""

    chain: Chain
    bounds: Bounds
    recipe: Evolve
    source: Stream
    predictor: Predictor | None = None


def survivors(
    algorithm: Algorithm,
    recipe: Evolve,
    before: Sequence[Individual],
    told: Sequence[Individual],
    ranked: Callable[[int], Sequence[Individual]],
) -> tuple[Individual, ...]:
    """Who is kept after a generation. before: who was kept so far. told: this generation, in the order asked.
    ranked: the best so many of everything scored."""
    match algorithm:
        case "paper" | "predictor":
            return tuple(ranked(recipe.parents))
        case "random":
            return ()
        case "regularized":
            return (*before, *told)[-recipe.population :]
        case "nsga2":
            every = {individual.name: individual for individual in (*before, *told)}
            return tuple(_by_fronts(list(every.values()))[: recipe.population])


def children(
    algorithm: Algorithm, kept: Sequence[Individual], variation: Variation
) -> tuple[Child, ...] | tuple[Genotype, ...]:
    """The next generation: children of those kept, or networks drawn anew."""
    recipe = variation.recipe
    match algorithm:
        case "paper":
            return _crossed_and_mutated(variation, _anyone(kept), _anyone_else(kept))
        case "predictor":
            made = _crossed_and_mutated(variation, _anyone(kept), _anyone_else(kept))
            if variation.predictor is None or not variation.predictor.believed:
                return made
            descended = [child.genotype for child in made]
            return proposed(
                variation.chain, variation.bounds, variation.predictor, descended, len(made), variation.source
            )
        case "random":
            return tuple(
                draw(variation.chain, recipe.crossover + recipe.mutation, variation.source, bounds=variation.bounds)
            )
        case "regularized":
            count = recipe.crossover + recipe.mutation
            chosen = []
            for _ in range(count):
                sample = [kept[int(pick * len(kept))] for pick in variation.source.uniform(recipe.parents)]
                chosen.append(min(sample, key=lambda individual: (individual.point, individual.name)).genotype)
            return mutate(variation.chain, chosen, rates(recipe), variation.source, variation.bounds)
        case "nsga2":
            place = {individual.name: number for number, individual in enumerate(_by_fronts(list(kept)))}
            winner = _tournament(kept, place)
            return _crossed_and_mutated(variation, winner, lambda next_, _: winner(next_))


Pick = Callable[[Callable[[], float]], Individual]
Other = Callable[[Callable[[], float], Individual], Individual]


def _crossed_and_mutated(variation: Variation, pick: Pick, other: Other) -> tuple[Child, ...]:
    """`crossover` children of two parents, then `mutation` children of one."""
    recipe = variation.recipe

    def following() -> float:
        return float(variation.source.uniform(1)[0])

    pairs = []
    for _ in range(recipe.crossover):
        one = pick(following)
        pairs.append((one.genotype, other(following, one).genotype))
    singles = [pick(following).genotype for _ in range(recipe.mutation)]
    return (
        *cross(variation.chain, pairs, variation.source, variation.bounds),
        *mutate(variation.chain, singles, rates(recipe), variation.source, variation.bounds),
    )


def rates(recipe: Evolve) -> Rates:
    """The recipe's chances of mutation, as the operators take them."""
    shares = recipe.mutate
    return Rates(*map(float, (shares.depth, shares.embed, shares.layer, shares.stage, shares.network)))


def _anyone(kept: Sequence[Individual]) -> Pick:
    return lambda following: kept[int(following() * len(kept))]


def _anyone_else(kept: Sequence[Individual]) -> Other:
    def other(following: Callable[[], float], one: Individual) -> Individual:
        rest = [individual for individual in kept if individual is not one] or kept
        return rest[int(following() * len(rest))]

    return other


def _tournament(kept: Sequence[Individual], place: dict[str, int]) -> Pick:
    """The better one of two, by the order of `_by_fronts`."""

    def pick(following: Callable[[], float]) -> Individual:
        two = [kept[int(following() * len(kept))] for _ in range(2)]
        return min(two, key=lambda individual: place[individual.name])

    return pick


def _by_fronts(individuals: list[Individual]) -> list[Individual]:
    """By front, then from the least crowded on (the crowded comparison of NSGA-II), then by name."""
    ordered: list[Individual] = []
    for members in fronts([individual.point for individual in individuals]):
        distance = crowding([individuals[i].point for i in members])
        placed = sorted(zip(members, distance, strict=True), key=lambda m: (-m[1], individuals[m[0]].name))
        ordered += [individuals[i] for i, _ in placed]
    return ordered
