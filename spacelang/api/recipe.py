"""Recipes: those of a space, with what a call changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

import attrs

from spacelang.api.error import NotAnOption
from spacelang.api.measures import Measures
from spacelang.check import override
from spacelang.check.bounds import joined, standing
from spacelang.lower.bounds import measured
from spacelang.recipe import Bound, Evolve, Refine, Train
from spacelang_runtime.failure import Failure

if TYPE_CHECKING:
    from spacelang.lower.lowered import Lowered

Settings = Mapping[str, object] | Sequence[str]  # lines: `{"population": 20}`, `["population=20"]`, or one text
Warn = Callable[[str], None]
Made = TypeVar("Made")


def evolve_recipe(
    lowered: Lowered,
    measures: Measures,
    given: Sequence[Bound],
    settings: Settings | None,
    untabled: Callable[[Bound], Failure],
    recipe: Evolve | None = None,
) -> Evolve:
    """A space's `evolve` recipe; a bound that is given replaces those that it has on the same measure.

    untabled: what to say of a bound of the recipe's whose table is not there. recipe: instead of the space's.
    Raises `NotAnOption` for a line that no recipe has.
    """
    own = recipe or lowered.space.evolve
    recipe = _changed(lambda: override.evolve_with(own, lines(settings)))
    kept = measures.tabled(standing(recipe.bounds, given))
    for bound in kept:
        if not measured(lowered.chain, bound.measure):
            raise untabled(bound)
    return attrs.evolve(recipe, bounds=joined([*kept, *given]))


def train_recipe(
    recipe: Train, settings: Settings | None, warn: Warn = lambda _: None, asked: str = "settings"
) -> Train:
    """A `train` recipe with some of its lines replaced. asked: the keyword that they were given by. Raises
    `NotAnOption` for a line that no recipe has."""
    return _changed(lambda: override.train_with(recipe, lines(settings, asked), warn), asked)


def refine_recipe(recipe: Refine, settings: Settings | None) -> Refine:
    """A `refine` recipe with some of its lines replaced. Raises `NotAnOption` for a line that no recipe has."""
    return _changed(lambda: override.refine_with(recipe, lines(settings)))


def lines(settings: Settings | None, asked: str = "settings") -> dict[str, str]:
    """Lines of a recipe by name, as written. asked: the keyword that they were given by. Raises `NotAnOption` for
    what is none."""
    if settings is None:
        return {}
    return _changed(lambda: override.settings(written(settings)), asked)


def written(settings: Settings) -> Sequence[str]:
    """Lines of a recipe, each as the command line has it: `population=20`."""
    if isinstance(settings, Mapping):
        return [f"{name}={value}" for name, value in settings.items()]
    return [settings] if isinstance(settings, str) else settings


def _changed(change: Callable[[], Made], asked: str = "settings") -> Made:
    try:
        return change()
    except override.NotASetting as reason:
        remedy = "`spacelang explain` and docs/language.md tell the lines of a recipe"
        raise NotAnOption(asked, str(reason), remedy) from None
