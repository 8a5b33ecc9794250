"""What a search of a trained run is asked for, from its words."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
from attrs import frozen

from spacelang.api.error import NotAnOption
from spacelang.api.feasible import feasible, idle
from spacelang.api.measures import Amount, Further, Measures, priced
from spacelang.api.method import Words, method_of
from spacelang.api.narrower import narrower
from spacelang.api.recipe import Settings, evolve_recipe
from spacelang.api.space import Space
from spacelang.api.trained import Say, silent
from spacelang.lower.lowered import lower
from spacelang.lower.untrained import untrained
from spacelang.recipe import Bound
from spacelang.runs import called
from spacelang_runtime.failure import Failure

if TYPE_CHECKING:
    from spacelang_runtime.app.search import SearchRequest
    from spacelang_runtime.engine.run import RunFolder

PREVIEW = {"population": 8, "parents": 4, "generations": 2, "crossover": 3, "mutation": 3}

Budget = Amount | None
Tables = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


@frozen
class Bounded:
    """What a search is bound by: bounds on MACs, one for each search; those that hold for all of them; the tables
    of further costs; lines of the recipe changed; a narrower space to search. force: take tables, too, that were
    marked as not to be trusted."""

    budgets: Sequence[Budget] = (None,)
    named: Mapping[str, Amount | None] = attrs.field(factory=dict)
    bounds: Further | None = None
    cost: Sequence[Path] = ()
    settings: Settings | None = None
    space: Space | None = None
    force: bool = False


def request(
    run: RunFolder, bounded: Bounded, words: Words, finish: bool = False, say: Say = silent
) -> tuple[SearchRequest, Measures]:
    """The searches that are asked for, each of which some network can win, and the measures of their costs.

    finish: whether the winners are then to be trained on alone. say: told of bounds that leave nothing out, or
    reach beyond what the supernet was trained in.
    Raises `NotAnOption` and `NotABound` for words that are none, and `Failure` for bounds that no network meets.
    """
    wide = lower(run.space)
    lowered, measures = priced(narrower(bounded.space, wide) if bounded.space else wide, bounded.cost)
    if finish:
        _finishable(run, words)
    recipes = []
    for budget in bounded.budgets:
        given = measures.bounds(lowered.chain, {"flops": budget, **bounded.named}, bounded.bounds)
        own = lowered.space.evolve
        if run.record.preview:
            own = attrs.evolve(own, **{name: min(most, getattr(own, name)) for name, most in PREVIEW.items()})

        def untabled(bound: Bound) -> Failure:
            missing, remedy = measures.wanting(bound)
            return Failure(
                f"the recipe of {lowered.space.name} wants {missing}",
                f"{remedy}, then: spacelang evolve {called(run.folder)} --cost {bound.measure}.json",
            )

        recipes.append(evolve_recipe(lowered, measures, given, bounded.settings, untabled, own))
        feasible(lowered, recipes[-1].bounds, measures)
        for line in idle(lowered, recipes[-1].bounds, measures):
            say(line)
        for line in untrained(run.space.train.bounds, recipes[-1].bounds, lowered.chain):
            say(line)
    searches = tuple((recipe, method_of(lowered, recipe, words)) for recipe in recipes)

    from spacelang_runtime.app.search import SearchRequest
    from spacelang_runtime.app.whole import told_by

    scales = [table.scale for table in measures.tables.values()]
    told = [told_by(path, scale, bounded.force) for path, scale in zip(bounded.cost, scales, strict=True)]
    return SearchRequest(run, wide, lowered, searches, tuple(told)), measures


def budgets(flops: Amount | list[Amount] | None) -> Sequence[Budget]:
    """The bounds on MACs, one for each search: `"200M,300M"`, or a list, are two."""
    match flops:
        case str():
            given: list[Budget] = [part.strip() for part in flops.split(",")]
        case list():
            given = list(flops)
        case _:
            return (flops,)
    if twice := next((one for one in given if given.count(one) > 1), None):
        raise NotAnOption("flops", f"{twice!r} is given twice")
    return given or (None,)


def tables(given: Tables | None) -> tuple[Path, ...]:
    """Files of cost tables: one, or several."""
    if given is None:
        return ()
    return (Path(given),) if isinstance(given, str | os.PathLike) else tuple(map(Path, given))


def _finishable(run: RunFolder, words: Words) -> None:
    """Refuse, before the search, what cannot be finished after it."""
    from spacelang_runtime.tasks.finish import require_finishable

    if words.pareto is not None:
        raise NotAnOption(
            "finish", "a front has many networks: finish those that you want, spacelang finish --network NAME"
        )
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise Failure(
            "under torchrun a search does not go over into a finish",
            "leave --finish out, and then: torchrun ... spacelang finish",
        )
    require_finishable(run)
