"""The run of the supernet that networks come from, without torch."""

from __future__ import annotations

from pathlib import Path

from spacelang.space import Space
from spacelang_runtime.engine.run import RunFolder, find
from spacelang_runtime.failure import Failure


def parent(folder: str) -> RunFolder:
    """The run in a folder. Raises `Failure` where there is none."""
    return find(Path(folder).parent, Path(folder).name)


def learned(folder: str) -> tuple[Space, str]:
    """The space of a run, with its recipe, and the data that it was trained on."""
    run = parent(folder)
    return run.space, run.record.data.where


def weights(folder: str) -> str:
    """Which weights a run has now: another training, or more of it, gives another text."""
    run = parent(folder)
    step = run.state.step if run.state else 0
    return f"step {step} of the training begun at {run.record.created}"


def elapsed(folder: str) -> float:
    """The seconds that a supernet was trained for. Raises `Failure` where its training has kept nothing yet."""
    state = parent(folder).state
    if state is None:
        raise Failure(f"{folder} has learned nothing yet", "wait for its first checkpoint")
    return state.elapsed
