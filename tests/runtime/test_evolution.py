"""Evolution asks only for what the space and the bounds allow, and ends with the best of all it was told."""

import attrs
import pytest

from spacelang.check import compile_text
from spacelang.lower.lowered import Lowered, lower
from spacelang.recipe import Bound, Evolve
from spacelang.resources import folder
from spacelang.source import read
from spacelang_runtime.search.candidate import Candidate, Result
from spacelang_runtime.search.evolution import Evolution

RECIPE = Evolve(population=12, parents=4, generations=5, crossover=6, mutation=6)


@pytest.fixture(scope="module")
def digits() -> Lowered:
    space = compile_text(read(folder("spaces") / "digits.space")).space
    assert space is not None
    return lower(space)


def merit(candidate: Candidate) -> float:
    """A stand-in for accuracy that is not size: layers that have what it likes count, those that do not cost."""
    layers = [layer for stage in candidate.architecture.stages for layer in stage.layers]
    return sum(2 * (layer.mlp == 3) + (layer.heads == 2) + (layer.window == 2) - 2 for layer in layers)


def told(evolution: Evolution) -> Evolution:
    while not evolution.finished:
        candidates = evolution.ask()
        evolution.tell(candidates, {c.architecture.digest: Result(-merit(c)) for c in candidates})
    return evolution


BOUNDS = [
    (),
    (Bound("flops", None, 100_000),),
    (Bound("flops", 90_000, 100_000), Bound("params", None, 17_000)),
]


@pytest.mark.parametrize("bounds", BOUNDS, ids=len)
def test_every_candidate_is_in_the_space_and_inside_the_bounds(digits: Lowered, bounds: tuple[Bound, ...]) -> None:
    evolution = Evolution(digits, attrs.evolve(RECIPE, bounds=bounds))
    while not evolution.finished:
        candidates = evolution.ask()
        expected = RECIPE.population if evolution.generation == 0 else RECIPE.crossover + RECIPE.mutation
        assert len(candidates) == expected
        for candidate in candidates:
            assert digits.genotype(candidate.architecture) == candidate.genotype
            assert all(bound.holds(getattr(candidate, bound.measure)) for bound in bounds)
        evolution.tell(candidates, {c.architecture.digest: Result(-merit(c)) for c in candidates})


def test_the_same_seed_walks_the_same_way(digits: Lowered) -> None:
    one, other = told(Evolution(digits, RECIPE)), told(Evolution(digits, RECIPE))
    assert one.ranked() == other.ranked()
    assert told(Evolution(digits, attrs.evolve(RECIPE, seed=1))).ranked() != one.ranked()


def test_parents_are_the_best_of_everything_so_far(digits: Lowered) -> None:
    evolution = Evolution(digits, RECIPE)
    while not evolution.finished:
        best = {c.architecture.digest for c in evolution.ranked()[: RECIPE.parents]}
        candidates = evolution.ask()
        for candidate in candidates:
            assert set(candidate.parents) <= best
            assert len(candidate.parents) == {"draw": 0, "mutation": 1, "crossover": 2}[candidate.operator]
        evolution.tell(candidates, {c.architecture.digest: Result(-merit(c)) for c in candidates})


def test_the_last_generation_ranks(digits: Lowered) -> None:
    evolution = Evolution(digits, RECIPE)
    last: tuple[Candidate, ...] = ()
    while not evolution.finished:
        last = evolution.ask()
        final = evolution.generation == RECIPE.generations
        # Only the last generation is any good: if it did not rank, something else would win.
        evolution.tell(last, {c.architecture.digest: Result(0.0 if final else 1.0) for c in last})
    fresh = {c.architecture.digest for c in last if evolution.scores[c.architecture.digest] == Result(0.0)}
    assert fresh, "the last generation held nothing new"
    assert evolution.ranked()[0].architecture.digest in fresh


def test_a_score_once_told_stays(digits: Lowered) -> None:
    evolution = Evolution(digits, RECIPE)
    candidates = evolution.ask()
    evolution.tell(candidates, {c.architecture.digest: Result(1.0) for c in candidates})
    before = dict(evolution.scores)
    evolution.tell(candidates, {c.architecture.digest: Result(2.0) for c in candidates})
    assert evolution.scores == before


def test_evolution_beats_drawing_at_equal_cost(digits: Lowered) -> None:
    """On a landscape with a direction, the best of the search is better than the best of as many random ones."""
    bounds = (Bound("flops", None, 125_000),)
    recipe = Evolve(population=20, parents=5, generations=8, crossover=10, mutation=10, bounds=bounds)
    asked = recipe.population + recipe.generations * (recipe.crossover + recipe.mutation)
    drawing = attrs.evolve(recipe, population=asked, generations=0)
    found, drawn = (
        sum(merit(told(Evolution(digits, attrs.evolve(one, seed=seed))).ranked()[0]) for seed in range(5))
        for one in (recipe, drawing)
    )
    assert found > drawn
