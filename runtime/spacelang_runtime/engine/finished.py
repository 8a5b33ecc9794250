"""The networks of a run that were trained on alone, from the weights of its supernet: `RUN/finished/NAME`.

Each is a run of its own, with the model in it. This module does not import torch.
"""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

from spacelang import notation
from spacelang.architecture import Architecture
from spacelang.outside import finite, shown
from spacelang_runtime.engine.record import damaged, read_json
from spacelang_runtime.engine.run import RunFolder, every

FINISH = "finish"  # the task


@frozen
class FinishResult:
    """A finished network. inherited, accuracy: the share of the held-out images that were right before and after;
    None where there are none, or where it has learned from them. seconds: of its training."""

    run: RunFolder
    architecture: Architecture
    steps: int
    seconds: float
    inherited: float | None
    accuracy: float | None


def folder_of(run: RunFolder) -> Path:
    """Where a run keeps its finished networks."""
    return run.folder / "finished"


def begun(run: RunFolder) -> list[RunFolder]:
    """The finishes from the weights that a supernet has now, ended or not; the last begun is the last."""
    step = run.state.step if run.state else 0
    own = [
        one
        for one in every(folder_of(run), (FINISH,))
        if one.record.finish is not None and one.record.finish.step == step
    ]
    return sorted(own, key=lambda one: (one.record.created, one.name))


def finishes(run: RunFolder, architecture: Architecture) -> list[RunFolder]:
    """Those of a network."""
    return [one for one in begun(run) if notation.read(one.record.network).digest == architecture.digest]


def ended(finish: RunFolder) -> bool:
    """Whether a finish has come to its end, and its model is there."""
    return bool(finish.state and finish.state.finished) and (finish.model / "config.json").is_file()


def finished(run: RunFolder, architecture: Architecture) -> RunFolder | None:
    """The last finish of a network that has ended; None where there is none."""
    return next((one for one in reversed(finishes(run, architecture)) if ended(one)), None)


def results(run: RunFolder) -> list[FinishResult]:
    """What the networks of a run have come to that were finished, of each its last finish: what `export` and `eval`
    take."""
    last = {notation.read(one.record.network).digest: one for one in begun(run) if ended(one)}
    return [result_of(one) for one in last.values()]


def result_of(finish: RunFolder) -> FinishResult:
    """What a finish that has ended has come to. Raises `Failure` where its model cannot be read."""
    state, path = finish.state, finish.model / "config.json"
    assert state is not None
    try:
        notes = read_json(path).get("notes") or {}
        inherited, accuracy = notes.get("inherited_held_out_accuracy"), notes.get("held_out_accuracy")
    except AttributeError:
        raise damaged(path, "it is no object") from None
    for share in (inherited, accuracy):
        if share is not None and not finite(share):
            raise damaged(path, f"{shown(share)} is no share of the held-out images")
    return FinishResult(
        finish, notation.read(finish.record.network), state.step, state.elapsed, inherited, accuracy
    )
