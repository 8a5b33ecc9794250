"""The networks of a run that were trained on alone, from the weights of its supernet: `RUN/finished/NAME`.

Each is a run of its own, with the model in it. This module does not import torch.
"""

from __future__ import annotations

from pathlib import Path

from spacelang import notation
from spacelang.architecture import Architecture
from spacelang_runtime.engine.run import Run, every

FINISH = "finish"  # the task


def folder_of(run: Run) -> Path:
    """Where a run keeps its finished networks."""
    return run.folder / "finished"


def finishes(run: Run, architecture: Architecture) -> list[Run]:
    """The finishes of a network from the weights that its supernet has now, ended or not; the last begun is the
    last."""
    step = run.state.step if run.state else 0
    own = [
        one
        for one in every(folder_of(run), (FINISH,))
        if one.record.finish is not None
        and one.record.finish.step == step
        and notation.read(one.record.network).digest == architecture.digest
    ]
    return sorted(own, key=lambda one: (one.record.created, one.name))


def ended(finish: Run) -> bool:
    """Whether a finish has come to its end, and its model is there."""
    return bool(finish.state and finish.state.finished) and (finish.model / "config.json").is_file()


def finished(run: Run, architecture: Architecture) -> Run | None:
    """The last finish of a network that has ended; None where there is none."""
    return next((one for one in reversed(finishes(run, architecture)) if ended(one)), None)
