"""The space of a run, judged."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from spacelang.api.judge import Judged, recipe_of, source_of, warn_of_few
from spacelang.api.judge import judge as judge_
from spacelang.api.measures import Amount
from spacelang.api.method import score_of
from spacelang.api.ranges import WORKERS, whole
from spacelang.api.recipe import Settings
from spacelang.api.trained import Say, TrainedRun, silent
from spacelang.api.worded import worded
from spacelang.recipe import Score
from spacelang_runtime.failure import Failure

if TYPE_CHECKING:
    from spacelang_runtime.refine.measure import Progress

Observe = Callable[["Progress"], None]


@worded
def judge(
    run: TrainedRun,
    *,
    flops: Amount | None = None,
    params: Amount | None = None,
    settings: Settings | None = None,
    images: int | None = None,
    score: Score | None = None,
    data: str | os.PathLike[str] | None = None,
    device: str = "auto",
    workers: int | None = None,
    observe: Observe = silent,
    say: Say = silent,
) -> Judged:
    """How good the run's space is, by its E-T error (Chen et al., 2021, §2.3), and how each dimension of each stage
    should move; as `spacelang judge`.

    Networks are drawn exactly inside the bounds and scored on the held-out images with the weights that they
    inherit. Every score is kept as it comes, in the run: a judgement that was stopped goes on when it is asked
    for again.

    Args:
        flops: MACs of the networks drawn: `"4.5G"` is at most, `"4G..4.5G"` between; None: as the recipes say.
        params: their parameters, likewise.
        settings: lines of the `refine` recipe changed: `{"samples": 200}`.
        images: score on so many held-out images only.
        score: what errors are told by, instead of the recipe's line: `loss` or `accuracy`.
        data: where the run's data is now; None: where it was.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        workers: processes that read images; None: as many as suit.
        observe: told how far the measurement is: networks `done` of those `asked`, their `mean` error, seconds.
        say: told in lines what a person is to know.

    Raises:
        NotABound, NotAnOption: for words that are none.
        Failure: for bounds that no network meets, and at once where another process writes the run.
    """
    whole("images", images, 1)
    whole("workers", workers, *WORKERS)
    lowered = run.space.lowered
    told_by = score_of(score)
    recipe = recipe_of(lowered, run.kept.record.preview, settings, {"flops": flops, "params": params}, told_by, say)

    from spacelang_runtime.app.scoring_setup import ScoringOptions, scoring_setup
    from spacelang_runtime.app.watching import watched_by

    place = ScoringOptions(device, images, None if data is None else str(data), workers)
    with scoring_setup(run.kept, lowered, place, say) as where:
        if where is None:
            raise Failure("this process only helped", "the leading one, of rank 0, has what was found")
        warn_of_few(where.dispatch.images, run.kept, say)
        return judge_(where, source_of(run.kept), recipe, watched_by(observe))
