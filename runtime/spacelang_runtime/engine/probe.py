"""What a step takes here, by some that are made and forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs

from spacelang_runtime.engine.distributed import World, broadcast
from spacelang_runtime.engine.record import Limits
from spacelang_runtime.engine.run import RunFolder
from spacelang_runtime.engine.step import Step
from spacelang_runtime.engine.train import Training, train
from spacelang_runtime.failure import Stopped

UNCOUNTED = 5  # steps, of those that are timed
ENOUGH = 4 * UNCOUNTED
LONGEST = 10.0  # seconds
WITHOUT_END = 10**9


def seconds_a_step(training: Training, world: World, budget: float, stopped: str) -> float:
    """Seconds a step, by the steps of so many seconds; the leading process's clock holds for all. stopped: what to
    say where it is interrupted. Nothing is evaluated; the model's weights are changed.

    On a GPU the first steps compile and record for longer than a small budget lasts. There it is given again, four
    times as long, until steps without these were timed, or for `LONGEST` seconds.
    """
    elapsed = _timed(training, world, budget, stopped)
    while broadcast(world, world.device.type == "cuda" and len(elapsed) <= ENOUGH and budget < LONGEST):
        budget = min(LONGEST, 4 * budget)
        elapsed = _timed(training, world, budget, stopped)
    return broadcast(world, mean_step_time(elapsed))


def _timed(training: Training, world: World, budget: float, stopped: str) -> list[float]:
    """The seconds that had passed at the beginning and at the end of each step of so many seconds."""
    elapsed, problems = [0.0], [""]

    def watch(step: Step) -> None:
        elapsed.append(step.elapsed)
        problems.append(step.problem)

    with TemporaryDirectory() as folder:
        # No end but the clock's, so that data is prepared as for a long training.
        run = RunFolder(Path(folder), training.run.record)
        own = attrs.evolve(training, run=run, limits=Limits(WITHOUT_END, budget), evaluations=0)
        try:
            train(own, world, watch)
        except Stopped:
            if problems[-1]:
                raise
            raise Stopped(stopped, "give the same command again") from None
    return elapsed


def mean_step_time(elapsed: Sequence[float]) -> float:
    """Seconds a step, from the seconds that had passed at the beginning and at the end of each step.

    The first steps compile and record: they count only where there are not many more.
    """
    counted = elapsed[UNCOUNTED:] if len(elapsed) > 2 * UNCOUNTED else elapsed
    return max(1e-6, (counted[-1] - counted[0]) / (len(counted) - 1))
