"""A search by one's own score, from its first network to its last."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from spacelang.api.architecture import Architecture
from spacelang.api.found import Found, Scored
from spacelang.api.goals import Direction, Score
from spacelang.api.measures import Amount, Further
from spacelang.api.recipe import Settings
from spacelang.api.searcher import Searcher
from spacelang.api.space import Space
from spacelang.api.worded import worded

if TYPE_CHECKING:
    from spacelang_runtime.search.algorithms import Algorithm


@worded
def search(
    space: Space | Path | str,
    score: Callable[[Architecture], Score | None],
    *,
    flops: Amount | None = None,
    params: Amount | None = None,
    latency: Amount | None = None,
    bounds: Further | None = None,
    candidates: int | None = None,
    algorithm: Algorithm | None = None,
    direction: Direction | Sequence[Direction] = "maximize",
    settings: Settings | None = None,
    journal: str | os.PathLike[str] | None = None,
    seed: int | None = None,
    observe: Callable[[Scored], None] = lambda _: None,
) -> Found:
    """Search a space by a function from a network to a number, or to one number for each goal, for a front.

    Args:
        space: what is searched, or its file.
        score: called with each network; None for one that failed. What it raises ends the search, and is asked
            again first when a search of the same words is given the same journal.
        flops: MACs of a network: `"4.5G"` is at most, `"4G..4.5G"` between. Bounds replace those of the space's
            `evolve` recipe on the same measure, and leave the others.
        params: its parameters, likewise.
        latency: by a table of latencies (`space.with_costs`): `"5ms"`.
        bounds: on any measure by its name: `{"energy": "2..2.5"}`.
        candidates: how many different networks to score; None: the generations of the recipe.
        algorithm: `paper`, `random`, `regularized`, `nsga2` or `predictor`; None: `nsga2` where a score has several
            goals, else `paper`.
        direction: `maximize` or `minimize`, one for all goals or one each.
        settings: lines of the recipe changed: `{"population": 20}`.
        journal: a file that keeps every answer; it belongs to one score. A search without one begins anew.
        seed: of the draws; None: the recipe's.
        observe: told of each network with its score, a tuple with one number for each goal.

    Raises:
        Failure: for bounds that no network meets, for words that are none, and for a journal that cannot be used.

    Example:
        >>> found = sl.search(sl.load("spaces/s3.space"), lambda one: one.depth, flops="4.5G", candidates=300)
        >>> found.best.flops <= 4_500_000_000
        True
    """
    with Searcher(
        space,
        flops=flops,
        params=params,
        latency=latency,
        bounds=bounds,
        candidates=candidates,
        algorithm=algorithm,
        direction=direction,
        settings=settings,
        journal=journal,
        seed=seed,
    ) as searcher:
        while batch := searcher.ask():
            for architecture in batch:
                searcher.tell(architecture, score(architecture))
                observe(searcher.scored(architecture))
        return searcher.found()
