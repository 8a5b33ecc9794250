"""Which run a command means that names none: the latest that can serve it.

This module does not import torch, so that commands that only look at runs answer at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from spacelang.runs import called, resuming
from spacelang_runtime.engine.record import OF_ONE_NETWORK
from spacelang_runtime.engine.run import RunFolder, every, find
from spacelang_runtime.failure import Failure

# A checkpoint to go on from; weights that have learned something; the best network of a search.
Need = Literal["checkpoint", "weights", "best"]


def serving(runs: Path, name: str | None, need: Need, say: Callable[[str], None]) -> RunFolder:
    """The run of that name; with no name, the latest whole space's that has what is needed.

    say: told of the runs that are passed over. Raises `Failure` where there is none.
    """
    newest = find(runs, name)
    if name is not None:
        return newest
    whole = [run for run in every(runs) if run.record.task not in OF_ONE_NETWORK]
    passed: list[str] = []
    for run in sorted(whole, key=lambda run: (run.record.created, run.name), reverse=True):
        if (reason := lacks(run, need)) is None:
            for line in passed:
                say(line)
            return run
        passed.append(f"passed over {run.name}: {reason}")
    raise Failure(
        f"no run in {runs}/ can serve; the latest, {newest.name}: {lacks(newest, need)}", _remedy(newest, need)
    )


def lacks(run: RunFolder, need: Need) -> str | None:
    """Why a run cannot serve; None where it can."""
    if not run.checkpoint.is_file():
        return "it has kept no weights"
    try:
        state = run.state
        best = run.best if need == "best" else None
    except Failure as damaged:
        return damaged.message
    if need != "checkpoint" and state is not None and state.step == 0:
        return "it was stopped before its first step"
    if need == "best" and best is None:
        return "it has not been searched"
    return None


def transferring(
    runs: Path,
    name: str | None,
    tasks: Sequence[str],
    need: Literal["checkpoint", "model"],
    say: Callable[[str], None],
) -> RunFolder:
    """The transfer of that name; with no name, the tasks' latest that has what is needed, and where none has, their
    latest. say: told of those that are passed over. Raises `Failure` where there is none."""
    newest = find(runs, name, tasks)
    if name is not None:
        return newest
    passed: list[RunFolder] = []
    for run in sorted(every(runs, tasks), key=lambda run: (run.record.created, run.name), reverse=True):
        if (run.checkpoint if need == "checkpoint" else run.model / "config.json").is_file():
            for one in passed:
                say(f"passed over {one.name}: it was stopped before it had kept anything")
            return run
        passed.append(run)
    return newest


def _remedy(run: RunFolder, need: Need) -> str:
    if not run.checkpoint.is_file():
        return "while it is training, wait for its first checkpoint; else train anew"
    try:
        learned = run.state is None or run.state.step > 0
        best = run.best if need == "best" else None
    except Failure as damaged:
        return damaged.remedy
    if learned and best is None:
        return f"search it: spacelang evolve {called(run.folder)}"
    return f"train it: {resuming(run.folder, False)}"
