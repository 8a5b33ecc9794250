"""A run that goes on from its checkpoint, whatever it trains: what has to hold, and which run processes that
torchrun starts again go on with."""

from __future__ import annotations

from collections.abc import Callable, Collection
from math import ceil
from pathlib import Path

import attrs

from spacelang.amount import counted
from spacelang_runtime.engine.checkpoint import Checkpoint
from spacelang_runtime.engine.distributed import World, broadcast, launch
from spacelang_runtime.engine.record import OF_SPACES, Limits
from spacelang_runtime.engine.run import RunFolder, find, of_launch, write_launch
from spacelang_runtime.engine.schedule import finished
from spacelang_runtime.failure import Failure


def require_more(run: RunFolder, limits: Limits, checkpoint: Checkpoint, otherwise: str = "") -> None:
    """Refuse to go on with a run that has ended by its limits. otherwise: what else to do with it, in words. One
    that was killed before it had kept that it has ended goes on to that."""
    state = checkpoint.state
    if state.step > limits.steps:
        end = checkpoint.limits.steps
        to_its_end = f"; to its end, {end}: leave --steps out" if end > state.step else ""
        raise Failure(
            f"{run.name} has made {counted(state.step, 'step')}, and --steps counts from its beginning",
            f"for {limits.steps} more: --steps {state.step + limits.steps}{to_its_end}",
        )
    told = run.state is not None and run.state.finished
    if finished(limits, state.step, state.elapsed) and (told or limits != checkpoint.limits):
        spent = f", {state.elapsed:.0f} s of {limits.budget:.0f} s" if limits.budget is not None else ""
        by_clock = limits.budget is not None and state.step < limits.steps
        more = f"--budget {_twice(state.elapsed)}" if by_clock else f"--steps {2 * state.step}"
        raise Failure(
            f"{run.name} has ended: {counted(state.step, 'step')} of {limits.steps}{spent}",
            f"{otherwise}give it more, counted from its beginning: {more}",
        )


def _twice(seconds: float) -> str:
    """Twice a time as `--budget` takes it, rounded up: below ten minutes in seconds."""
    twice = ceil(2 * seconds)
    return f"{twice}s" if twice < 600 else f"{ceil(twice / 60)}m"


def continued_by(checkpoint: Checkpoint, micro: int) -> Checkpoint:
    """A checkpoint to go on from, with so many images at a time; 0: as many as it had."""
    state = checkpoint.state
    return attrs.evolve(checkpoint, state=attrs.evolve(state, micro=micro)) if micro else checkpoint


def launched(run: RunFolder) -> RunFolder:
    """The run, once it is kept which torchrun job trains it."""
    if job := launch():
        write_launch(run, job.name)
    return run


def restarted(
    runs: Path, world: World, say: Callable[[str], None], tasks: Collection[str] = OF_SPACES
) -> RunFolder | None:
    """What torchrun trained when one of its processes died and it started all of them again: it is to go on from
    its last checkpoint, or from its beginning where there is none yet.

    None where these processes are the first, or where none before them had come to making a run.
    """
    job, name = launch(), None
    if job is None or not job.restarts:
        return None
    if world.is_main:
        run = of_launch(runs, job.name, tasks)
        name = run.name if run else None
    name = broadcast(world, name)
    if name is None:
        return None
    say(f"a process has died: {name} goes on from its last checkpoint (restart {job.restarts})")
    return find(runs, name, tasks)
