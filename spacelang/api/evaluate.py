"""Networks of a run, measured."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, get_args

from spacelang.api.architecture import Architecture
from spacelang.api.error import NotAnOption
from spacelang.api.ranges import WORKERS, whole
from spacelang.api.trained import Say, TrainedRun, silent

if TYPE_CHECKING:
    from spacelang_runtime.app.evaluate import Tested

SplitName = Literal["test", "search"]
Observe = Callable[[float, str], None]


def evaluate(
    run: TrainedRun,
    *what: str | Architecture,
    random: int = 0,
    split: SplitName = "test",
    data: str | None = None,
    seed: int = 0,
    classes: bool = False,
    inherited: bool = False,
    device: str = "auto",
    workers: int | None = None,
    observe: Observe = lambda _, __: None,
    say: Say = silent,
) -> Tested:
    """Networks of the run on the test images, or on those held out for its search; as `spacelang eval`.

    Args:
        what: `best`, `cheapest`, `largest`, `smallest`, a name, a line, a network; `best` where none is named.
        random: also the mean of so many random networks inside the bounds of the search.
        split: `test`, or `search`: the images that the run has held out.
        data: where the run's data is now; None: where it was.
        seed: of the random networks.
        classes: whether each class is told of by itself, and which are taken for which.
        inherited: whether the weights are the supernet's also where a network was finished.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        workers: processes that read images; None: as many as suit.
        observe: told what share of the images has been seen, and in words.
        say: told in lines what a person is to know.

    Returns:
        a row for each network: `records()`, with `top1` and its 95 % interval, `loss`, costs, images a second.

    Raises:
        NotAnOption: for another split, and numbers that cannot be.
        Failure: for a name of no network, and for held-out images that a finish has learned from.
    """
    if split not in get_args(SplitName):
        raise NotAnOption("split", f"{split!r} is none of {', '.join(get_args(SplitName))}")
    whole("random", random, 0)
    whole("seed", seed, 0)
    whole("workers", workers, *WORKERS)
    from spacelang_runtime.app.evaluate import EvaluationOptions, of_run

    names = [str(one) for one in what] or ["best"]
    options = EvaluationOptions(device, workers, say, observe, data)
    return of_run(run.kept, run.space.lowered, names, random, split, seed, classes, options, inherited)
