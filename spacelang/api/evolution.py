"""The space of a run, searched on its trained supernet."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from spacelang.api.evolve import Bounded, Tables, budgets, request, tables
from spacelang.api.finish import FinishOptions, finished, requests, share_of
from spacelang.api.measures import Amount, Further
from spacelang.api.method import Words
from spacelang.api.ranges import WORKERS, whole
from spacelang.api.recipe import Settings
from spacelang.api.searched import SearchResults, winner
from spacelang.api.space import Space
from spacelang.api.trained import Say, TrainedRun, silent
from spacelang.api.worded import worded
from spacelang.recipe import Score

if TYPE_CHECKING:
    from spacelang_runtime.search.algorithms import Algorithm
    from spacelang_runtime.search.outcome import Ended, ScoredCandidate

Observe = Callable[["ScoredCandidate | Ended"], None]


@worded
def search(
    run: TrainedRun,
    *,
    flops: Amount | list[Amount] | None = None,
    params: Amount | None = None,
    latency: Amount | None = None,
    bounds: Further | None = None,
    cost: Tables | None = None,
    settings: Settings | None = None,
    images: int | None = None,
    score: Score | None = None,
    part: str | float | None = None,
    finalists: int | None = None,
    exact: bool = False,
    risk: float | None = None,
    pareto: str | Sequence[str] | None = None,
    algorithm: Algorithm | None = None,
    candidates: int | None = None,
    space: Space | None = None,
    force: bool = False,
    finish: str | float | None = None,
    data: str | os.PathLike[str] | None = None,
    device: str = "auto",
    workers: int | None = None,
    observe: Observe = silent,
    say: Say = silent,
) -> SearchResults:
    """Find the best network of the run's space within bounds, by evolution over its trained supernet; as
    `spacelang evolve`, with its words.

    Every score is kept as it comes, in the run: a search that was stopped goes on when it is asked for again with
    the same words. Under torchrun every process makes the same call. The best network is the run's `best` from
    then on.

    Args:
        flops: MACs of the network: `"4.5G"` is at most, `"4G..4.5G"` between; a list of several is a search each.
        params: its parameters, likewise.
        latency: by a table of latencies: `"5ms"`.
        bounds: on any measure: `{"energy": "2..2.5"}`. Bounds replace those of the recipe on the same measure.
        cost: the file of a table of a further cost, or several.
        settings: lines of the `evolve` recipe changed: `{"population": 20}`.
        images: score on so many held-out images only.
        score: what ranks networks, instead of the recipe's line: `loss` or `accuracy`.
        part: of the held-out images, what the search may read; None: `"80%"`.
        finalists: how many of the best are compared on all of these; None: 8.
        exact: whether every network is scored on all images.
        risk: race on all images: the chance that this changes the outcome, such as 0.001 (`paper`, `random`).
        pareto: a front instead of one network: `"accuracy,flops"`.
        algorithm: `predictor`, `paper`, `random`, `regularized` or `nsga2`; None: `predictor`, of a front `nsga2`.
        candidates: end when so many different networks have been scored.
        space: a narrower space to search on this supernet.
        force: whether tables are taken, too, that were marked as not to be trusted.
        finish: then train the best on, alone: for `"5%"` of the supernet's seconds.
        data: where the run's data is now; None: where it was.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        workers: processes that read images; None: as many as suit.
        observe: told of each network that was scored, and of the end of each generation.
        say: told in lines what a person is to know.

    Raises:
        NotABound: for what bounds no measure of the space.
        NotAnOption: for another word that is none.
        Failure: for bounds that no network meets, for data that is not what it was, and at once where another
            process writes the run.
    """
    for word, given in (("images", images), ("candidates", candidates), ("finalists", finalists)):
        whole(word, given, 1)
    whole("workers", workers, *WORKERS)
    if finish is not None:
        share_of(finish, "finish")
    front = pareto if pareto is None or isinstance(pareto, str) else ",".join(pareto)
    words = Words(algorithm, front, score, exact, risk, candidates, part, finalists)
    asked = budgets(flops)
    named = {"params": params, "latency": latency}
    bounded = Bounded(asked, named, bounds, tables(cost), settings, space, force)
    searches, measures = request(run.kept, bounded, words, finish is not None, say)

    from spacelang_runtime.app.finish import finish as finish_
    from spacelang_runtime.app.learn import TrainingOptions
    from spacelang_runtime.app.scoring_setup import ScoringOptions
    from spacelang_runtime.app.search import search as search_
    from spacelang_runtime.app.watching import watched_by

    place = ScoringOptions(device, images, None if data is None else str(data), workers)
    outcomes = search_(attrs.evolve(searches, place=place), watched_by(observe), say)
    done: dict[Any, Any] = {}
    if finish is not None and outcomes:
        chosen = [one.best.architecture for one in outcomes]
        made = finish_(requests(run.kept, chosen, FinishOptions(finish)), TrainingOptions(device, workers), say=say)
        done = {one.architecture.digest: finished(one) for one in made}
    found = zip(asked, outcomes, strict=bool(outcomes))
    return SearchResults(
        run.kept.name,
        tuple(winner(budget, one, measures, done.get(one.best.architecture.digest)) for budget, one in found),
        run.kept.record.preview,
    )
