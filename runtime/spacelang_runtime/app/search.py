"""The best networks of a run's space within bounds, by evolution over its trained supernet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from spacelang_runtime.app.scoring_setup import ScoringOptions, scoring_setup
from spacelang_runtime.app.watching import Say, Watching, silent, watched_by
from spacelang_runtime.app.whole import MeasuredTable, feasibility

if TYPE_CHECKING:
    from spacelang.lower.lowered import Lowered
    from spacelang.recipe import Evolve
    from spacelang_runtime.engine.run import RunFolder
    from spacelang_runtime.search.method import Method
    from spacelang_runtime.search.outcome import Ended, ScoredCandidate, SearchOutcome


@frozen(eq=False)
class SearchRequest:
    """Searches of a space on the supernet of a run, one after the other.

    whole: the run's space. lowered: the one that is searched, the same or part of it, with its further costs.
    searches: the recipe, with its bounds, and the method of each. tables: of the further costs; where one of
    latency was measured on this machine, what a search answers keeps its bound when it runs whole.
    """

    run: RunFolder
    whole: Lowered
    lowered: Lowered
    searches: tuple[tuple[Evolve, Method], ...]
    tables: tuple[MeasuredTable, ...] = ()
    place: ScoringOptions = ScoringOptions()


def search(
    request: SearchRequest,
    watching: Watching[RunFolder, ScoredCandidate | Ended] = watched_by(silent),
    say: Say = silent,
) -> tuple[SearchOutcome, ...]:
    """What each search has found; empty in a process that only helped. Every score is kept as it comes, so that a
    search that was stopped goes on when it is asked for again.

    Raises `Failure` where another process writes the run, and where its data or its journal cannot be used.
    """
    from spacelang_runtime.search.evolve import evolve

    run, found = request.run, []
    with scoring_setup(run, request.whole, request.place, say) as where:
        if where is not None:
            for recipe, method in request.searches:
                feasible = feasibility(request.tables, recipe.bounds, say)
                with watching(run) as watch:
                    found.append(
                        evolve(run, request.lowered, recipe, method, where.dispatch, where.step, watch, feasible)
                    )
    return tuple(found)
