"""The supernet of a space, trained."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from spacelang.amount import NotAnAmount, seconds
from spacelang.api.recipe import Settings, texts
from spacelang.api.run import Run
from spacelang.api.space import Space
from spacelang.api.workers import readers
from spacelang.check import override
from spacelang_runtime.failure import Failure

if TYPE_CHECKING:
    from spacelang_runtime.engine.distributed import World
    from spacelang_runtime.engine.step import Step
    from spacelang_runtime.tasks.supernet.objective import SupernetSetup

Observe = Callable[["Step"], None]
Say = Callable[[str], None]
_EVERY = "5m"


def train(
    space: Space,
    data: str | None = None,
    *,
    steps: int | None = None,
    budget: str | float | None = None,
    settings: Settings | None = None,
    device: str = "auto",
    workers: int | None = None,
    every: str | float = _EVERY,
    runs: str | os.PathLike[str] = "runs",
    observe: Observe = lambda _: None,
    say: Say = lambda _: None,
) -> Run:
    """Train the supernet of a space by its recipe; what comes back is the run, a folder in `runs`.

    data: a folder with train/CLASS/* and val/CLASS/*, or `digits`; None: the built-in digits, where the space was
    written for them. steps, budget (`"10m"`, or seconds): limits, where the recipe's epochs are not meant.
    settings: lines of the recipe changed for this run, `{"batch": 256}`. every: how often a checkpoint is kept.
    observe: told of each step; say: what a person would be told. Under torchrun every process makes the same call.

    What is interrupted goes on by `sl.resume(run)`. Raises `Failure` for what cannot be trained.
    """
    from spacelang_runtime.engine.distributed import join
    from spacelang_runtime.tasks.supernet.start import TrainRequest, new

    checked = space.checked
    if space.source is None:
        raise Failure("a run keeps the text of its space, and this one was not made from text", "sl.load(FILE)")
    if data is None and (checked.frame.classes != 10 or checked.frame.image > 32):
        raise Failure(f"which images is {space.name} to be trained on?", 'name a folder of them, or data="digits"')
    try:
        overrides = override.settings(texts(settings))
        recipe = override.train_with(checked.train, overrides, lambda line: say(f"warning: {line}"))
    except override.NotASetting as reason:
        raise Failure(str(reason), "docs/language.md tells the lines of a recipe") from None
    request = TrainRequest(
        attrs.evolve(checked, train=recipe),
        space.source.text,
        data or "digits",
        overrides=overrides,
        steps=steps,
        budget=time_of(budget),
    )
    with join(device) as world:
        setup = new(request, Path(runs), world, readers(workers), say)
        return run_through(setup, world, every, observe)


def resume(
    run: Run,
    *,
    steps: int | None = None,
    budget: str | float | None = None,
    device: str = "auto",
    workers: int | None = None,
    every: str | float = _EVERY,
    observe: Observe = lambda _: None,
    say: Say = lambda _: None,
) -> Run:
    """Go on with a run exactly where it stopped, to its own limits or to further ones.

    Raises `Failure` where it has come to its end, and where its data is not what it was.
    """
    from spacelang_runtime.engine.distributed import join
    from spacelang_runtime.tasks.supernet.start import resumed

    with join(device) as world:
        setup = resumed(run.kept, world, readers(workers), say, steps, time_of(budget))
        return run_through(setup, world, every, observe)


def run_through(setup: SupernetSetup, world: World, every: str | float, observe: Observe) -> Run:
    """Train what has been set up. every: how often a checkpoint is kept."""
    from spacelang_runtime.engine.train import train
    from spacelang_runtime.tasks.supernet.objective import training

    pause = time_of(every)
    assert pause is not None
    train(training(setup), world, observe if world.is_main else lambda _: None, every=pause)
    return Run(setup.run)


def time_of(given: str | float | None) -> float | None:
    """A length of time in seconds, from `"90s"`, `"10m"`, `"1.5h"` or a number. Raises `Failure`."""
    if given is None or not isinstance(given, str):
        return given
    try:
        return seconds(given)
    except NotAnAmount as reason:
        raise Failure(str(reason), "write it as 90s, 10m or 1.5h, or as a number of seconds") from None
