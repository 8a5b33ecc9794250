"""A search by one's own score, from its first network to its last."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from spacelang.api.architecture import Architecture
from spacelang.api.found import Found, Scored
from spacelang.api.goals import Direction, Score
from spacelang.api.measures import Amount, Further
from spacelang.api.recipe import Settings
from spacelang.api.searcher import Searcher
from spacelang.api.space import Space

if TYPE_CHECKING:
    from spacelang_runtime.search.algorithms import Algorithm


def search(
    space: Space,
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

    score: returns None for a network that failed; what it raises ends the search, and is asked again first when a
    search of the same words is given the same journal. observe: told of each network with its score. The rest is as
    `Searcher` has it; a search without a journal begins anew.
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
