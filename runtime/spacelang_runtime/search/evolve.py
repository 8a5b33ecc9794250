"""The search: score what evolution asks for, keep every score as it comes, end with the best network."""

from __future__ import annotations

import json
from collections.abc import Mapping

from attrs import asdict

from spacelang import interchange, notation
from spacelang.architecture import to_json
from spacelang.lower.chain import digest
from spacelang.lower.cost import MEASURES
from spacelang.lower.lowered import Lowered
from spacelang.recipe import Evolve, to_record
from spacelang_runtime.engine.lock import sole_writer
from spacelang_runtime.engine.run import RunFolder, write_best
from spacelang_runtime.failure import Failure
from spacelang_runtime.search import entries
from spacelang_runtime.search.candidate import Goals
from spacelang_runtime.search.evolution import Evolution
from spacelang_runtime.search.finalists import Final
from spacelang_runtime.search.journal import Journal
from spacelang_runtime.search.journal_file import open_journal
from spacelang_runtime.search.journal_rows import Search
from spacelang_runtime.search.journal_writer import journal_writer
from spacelang_runtime.search.method import Method
from spacelang_runtime.search.outcome import Ended, Observe, ScoredCandidate, SearchOutcome
from spacelang_runtime.search.pool import Dispatcher
from spacelang_runtime.search.predictor import LEAST
from spacelang_runtime.search.scalars import searching
from spacelang_runtime.search.searching import Searching
from spacelang_runtime.search.whole_run import Feasibility

__all__ = ["Ended", "Method", "ScoredCandidate", "SearchOutcome", "account", "evolve"]


def evolve(
    run: RunFolder,
    lowered: Lowered,
    recipe: Evolve,
    method: Method,
    dispatch: Dispatcher,
    step: int,
    observe: Observe,
    feasible: Feasibility | None = None,
) -> SearchOutcome:
    """Search a space on the supernet of a run.

    dispatch: has the candidates scored, here or on several processes. step: of training, that the weights are of.
    A search with the same recipe, method, weights and images goes on where it was stopped, and ends with the same
    answer as one that was not. feasible: runs a network whole, and tells whether it keeps the bounds: the
    answer, and what is level with it, do; with several goals it is not asked.

    Raises `Failure` where none does, and where the journal has scores of the same weights and images without
    losses, and these are asked for.
    """
    evolution = Evolution(lowered, recipe, method.algorithm, Goals(method.goals), method.budget)
    with sole_writer(run.folder), open_journal(run.folder) as journal:
        search = journal.search(
            account(lowered, recipe, method, dispatch.begin), step, dispatch.images, dispatch.begin
        )
        _has_losses(run, journal, search, method)
        with searching(run, search.number) as curves:

            def watch(seen: ScoredCandidate | Ended) -> None:
                if isinstance(seen, Ended):
                    curves(seen.generation)
                observe(seen)

            known = journal.known(search)
            with journal_writer(journal) as writer:
                going = Searching(writer, search, evolution, method, dispatch, watch, feasible, known)
                outcome = going.run()
            finalists = [entries.of_finalist(one) for one in outcome.finalists]
            journal.close_search(search, outcome.best.digest, finalists)
        write_best(run, _record(outcome, recipe, method, step))
    return outcome


def enough(recipe: Evolve, budget: int | None) -> bool:
    """Whether a predictor has enough networks to learn from while a search can still follow it."""
    children = recipe.generations * (recipe.crossover + recipe.mutation)
    asked = recipe.population + children if budget is None else min(recipe.population + children, budget)
    return asked > LEAST


def account(lowered: Lowered, recipe: Evolve, method: Method, begin: int = 0) -> str:
    """The space, the recipe, the method and the further costs as text, and where the images begin: what makes two
    searches the same."""
    record = {"space": interchange.digest(lowered.space), **interchange.settings(recipe), **asdict(method)}
    if begin:
        record["begin"] = begin
    if lowered.chain.measures != MEASURES:
        record["costs"] = digest(lowered.chain)
    return json.dumps(record, default=str, sort_keys=True)


def _has_losses(run: RunFolder, journal: Journal, search: Search, method: Method) -> None:
    """Refuse to rank by loss what was scored before losses were kept."""
    if method.score != "loss" or not journal.lossless(search):
        return
    raise Failure(
        f"{run.folder / 'journal.sqlite'} has scores from before losses were kept",
        "go on by what it has: --score accuracy; or move it away, and networks are scored anew",
    )


def _record(outcome: SearchOutcome, recipe: Evolve, method: Method, step: int) -> Mapping[str, object]:
    best = outcome.best
    estimate = outcome.estimate
    return {
        "name": best.architecture.name,
        "line": notation.write(best.architecture),
        "flops": best.flops,
        "params": best.params,
        "accuracy": outcome.accuracy,
        "loss": outcome.loss,
        "correct": outcome.correct,
        "images": outcome.images,
        "estimate": None if estimate is None else asdict(estimate),
        "whole": None if outcome.whole is None else outcome.whole.record(),
        "step": step,
        "bounds": [to_record(bound) for bound in recipe.bounds],
        "method": {**asdict(method), "part": str(method.part)},
        "volume": outcome.volume,
        "front": [
            {
                "name": candidate.architecture.name,
                "line": notation.write(candidate.architecture),
                "correct": correct,
                **candidate.costs,
            }
            for candidate, correct in outcome.front
        ],
        "finalists": [_final(one) for one in outcome.finalists],
        "architecture": to_json(best.architecture),
        "cheapest": to_json(outcome.cheapest.architecture),
    }


def _final(one: Final) -> Mapping[str, object]:
    return {
        "name": one.candidate.architecture.name,
        "line": notation.write(one.candidate.architecture),
        "loss": one.loss,
        "accuracy": one.accuracy,
        "images": one.images,
        "apart": one.apart,
        "level": one.level,
        **one.candidate.costs,
    }
