"""The recipe of a search: the space's own, with what a call changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from spacelang.api.measures import Amount, Further
from spacelang.api.space import Space
from spacelang.check import override
from spacelang.check.bounds import joined
from spacelang.lower.bounds import measured
from spacelang.recipe import Bound, Evolve
from spacelang_runtime.failure import Failure

Settings = Mapping[str, object]  # lines of the recipe, by name: `{"population": 20}`


def recipe_of(
    space: Space,
    flops: Amount | None,
    params: Amount | None,
    latency: Amount | None,
    bounds: Further | None,
    settings: Settings | None,
    seed: int | None,
) -> Evolve:
    """The space's `evolve` recipe; a bound replaces those that it has on the same measure.

    Raises `Failure` for a bound that is none, a line that no recipe has, or a bound of the recipe's whose table is
    not there.
    """
    chain, measures = space.lowered.chain, space.measured
    given = measures.bounds(chain, {"flops": flops, "params": params, "latency": latency}, bounds)
    recipe = space.checked.evolve
    try:
        recipe = override.evolve_with(recipe, override.settings(texts(settings)))
    except override.NotASetting as reason:
        raise Failure(str(reason), "`spacelang explain` and docs/language.md tell the lines of a recipe") from None
    kept = _kept(space, recipe, given)
    recipe = attrs.evolve(recipe, bounds=joined([*kept, *given]))
    return recipe if seed is None else attrs.evolve(recipe, seed=seed)


def texts(settings: Settings | None) -> list[str]:
    """Lines of a recipe as the command line has them."""
    return [f"{name}={value}" for name, value in (settings or {}).items()]


def _kept(space: Space, recipe: Evolve, given: Sequence[Bound]) -> tuple[Bound, ...]:
    replaced = {bound.measure for bound in given}
    kept = space.measured.tabled([bound for bound in recipe.bounds if bound.measure not in replaced])
    for bound in kept:
        if not measured(space.lowered.chain, bound.measure):
            raise Failure(
                f"the recipe of {space.name} wants {bound}, and no table says what networks take",
                f"measure it: spacelang measure SPACE.space -o {bound.measure}.json, then "
                f"space.with_costs('{bound.measure}.json')",
            )
    return kept
