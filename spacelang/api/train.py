"""The supernet of a space, trained."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spacelang.api.error import NotAnOption
from spacelang.api.load import spaced
from spacelang.api.measures import Amount
from spacelang.api.ranges import MICRO, STEPS, WORKERS, between, whole
from spacelang.api.recipe import Settings
from spacelang.api.run import Run
from spacelang.api.space import Space
from spacelang.api.steps import Observe, steps_to
from spacelang.api.time import Time, time_of
from spacelang.api.train_request import begun_with, fits_digits, request, warning
from spacelang.api.trained import Say, silent
from spacelang_runtime.failure import Failure

if TYPE_CHECKING:
    from spacelang_runtime.app.learn import TrainingOptions

_EVERY = "5m"


def train(
    space: Space | str | os.PathLike[str],
    data: str | os.PathLike[str] | None = None,
    *,
    flops: Amount | None = None,
    params: Amount | None = None,
    steps: int | None = None,
    budget: Time | None = None,
    settings: Settings | None = None,
    test_share: float | str | None = None,
    test_seed: int = 0,
    weights: str | os.PathLike[str] | None = None,
    taught: float = 0.0,
    device: str = "auto",
    micro: int | None = None,
    workers: int | None = None,
    profile: bool = False,
    every: Time = _EVERY,
    shard: bool = False,
    checkpointing: bool = False,
    runs: str | os.PathLike[str] = "runs",
    observe: Observe = silent,
    say: Say = silent,
) -> Run:
    """Train the supernet of a space by its recipe; what comes back is the run, a folder in `runs`.

    What is interrupted goes on by `sl.resume(run)`. Under torchrun every process makes the same call.

    Args:
        space: one made from text, which the run keeps; or its file.
        data: where images are, in any form (docs/data.md), or `digits`; None: the built-in digits, where the space
            was written for them.
        flops: train for networks of so many MACs: `"500M"` is at most, `"300M..500M"` between. Random networks of
            the sandwich keep it, drawn evenly over it; one of them takes the place of an end of the space outside.
        params: their parameters, likewise.
        steps: updates to stop after.
        budget: time to stop after: `"90s"`, `"10m"`, `"1.5h"`, or seconds. With neither, the recipe's epochs.
        settings: lines of the recipe changed for this run: `{"batch": 256}`.
        test_share: of every class, to be held out for the test, of data without a test split.
        test_seed: of that share: which images it takes.
        weights: a model's folder, or a run, whose weights to begin with.
        taught: with `weights`, the part that this model teaches, from 0 to 1.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        micro: images that a device takes at a time, the gradients of a step adding up; None: as many as it bears.
        workers: processes that read images; None: as many as suit.
        profile: whether to keep a trace of a few steps for TensorBoard.
        every: how often a checkpoint is kept.
        shard: under torchrun, whether the GPUs share the optimizer's memory out among them.
        checkpointing: whether to compute activations anew for gradients: less memory, more time.
        runs: the folder of all runs.
        observe: told of each `Step`: step, losses, images a second, seconds left.
        say: told in lines what a person is to know.

    Raises:
        NotABound, NotAnOption: for words that are none, and numbers that cannot be.
        Failure: for what cannot be trained, with the reason and what to do.
    """
    require_limits(steps, micro, workers)
    between("taught", taught, 0, 1)
    space = spaced(space)
    if taught and weights is None:
        raise NotAnOption("taught", "there is no model to teach: name it with --weights")
    if data is None and not fits_digits(space.checked):
        raise Failure(f"which images is {space.name} to be trained on?", 'name a folder of them, or data="digits"')
    limit = None if budget is None else time_of(budget, "budget")
    pause = time_of(every, "every")
    where = None if data is None else str(data)
    asked = request(
        space,
        where,
        flops=flops,
        params=params,
        steps=steps,
        budget=limit,
        settings=settings,
        micro=micro or 0,
        test_share=(test_share, test_seed),
        warn=warning(say),
        say=say,
    )
    if weights is not None:
        asked = begun_with(asked, str(weights), taught, Path(runs))

    from spacelang_runtime.app.learn import TrainingOptions

    options = TrainingOptions(device, workers, pause, profile, shard, checkpointing)
    return trained(asked, Path(runs), options, observe, say)


def resume(
    run: Run,
    *,
    data: str | os.PathLike[str] | None = None,
    steps: int | None = None,
    budget: Time | None = None,
    device: str = "auto",
    micro: int | None = None,
    workers: int | None = None,
    profile: bool = False,
    every: Time = _EVERY,
    shard: bool = False,
    checkpointing: bool = False,
    observe: Observe = silent,
    say: Say = silent,
) -> Run:
    """Go on with a run exactly where it stopped, to its own limits or to further ones; as `spacelang train
    --resume`.

    Args:
        run: of a whole space.
        data: where its data is now; None: where it was.
        steps: updates to stop after, counted from the run's beginning.
        budget: time to stop after, counted from the run's beginning.
        device, micro, workers, profile, every, shard, checkpointing, observe, say: as for `train`.

    Raises:
        Failure: where it has come to its end, where its data is not what it was, and at once where another process
            writes the run.
    """
    require_limits(steps, micro, workers)
    if run.kept.record.task == "finetune":
        raise Failure(f"{run.name} is a run of finetune", "go on with it: sl.finetune(run, output=…, resume=True)")
    limit = None if budget is None else time_of(budget, "budget")
    pause = time_of(every, "every")

    from spacelang_runtime.app.learn import TrainingOptions
    from spacelang_runtime.app.train import Resume

    where = None if data is None else str(data)
    options = TrainingOptions(device, workers, pause, profile, shard, checkpointing)
    asked = Resume(run.kept, steps, limit, micro or 0, where)
    return trained(asked, run.folder.parent, options, observe, say)


def require_limits(steps: int | None, micro: int | None, workers: int | None) -> None:
    """Refuse what is no number of these. Raises `NotAnOption`."""
    whole("steps", steps, *STEPS)
    whole("micro", micro, *MICRO)
    whole("workers", workers, *WORKERS)


def trained(asked: Any, runs: Path, options: TrainingOptions, observe: Observe, say: Say) -> Run:
    """The run of a training, new or gone on with, when it has ended."""
    from spacelang_runtime.app.train import train

    return Run(train(asked, runs, options, steps_to(observe), say).run)
