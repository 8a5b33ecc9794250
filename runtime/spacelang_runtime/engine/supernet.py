"""The supernet of a space, made; and the supernet of a run, with the weights that it has learned."""

from __future__ import annotations

import torch

from spacelang.lower.lowered import Lowered
from spacelang_runtime.engine import checkpoint
from spacelang_runtime.engine.run import RunFolder
from spacelang_runtime.failure import Failure
from spacelang_runtime.fused.backend import backend
from spacelang_runtime.nn.supernet import Supernet


def untrained(lowered: Lowered, device: torch.device) -> Supernet:
    """The supernet of a space before training. Its weights follow from the seed of the training recipe: they
    are drawn on the CPU, so that they are the same on every device and in every process."""
    torch.manual_seed(lowered.space.train.seed)
    return _made(lowered).to(device)


def unfinished(run: RunFolder) -> str | None:
    """What to tell of a run whose training has not come to its end; None where it has."""
    state = run.state
    if state is None or state.finished:
        return None
    at = f"step {state.step} of {state.limits.steps}"
    return f"the training of {run.name} has not ended: its weights are of {at}, and what is scored is theirs"


def trained(run: RunFolder, lowered: Lowered, device: torch.device) -> Supernet:
    """The supernet of a run in evaluation mode: see `trained_at`."""
    return trained_at(run, lowered, device)[0]


def trained_at(run: RunFolder, lowered: Lowered, device: torch.device) -> tuple[Supernet, int]:
    """The supernet of a run in evaluation mode, with its averaged weights where its recipe averages, and the
    training step that they are of.

    lowered: of the run's space. Raises `Failure` where the run has no checkpoint, a damaged one, or one of
    another space.
    """
    if not run.checkpoint.exists():
        raise Failure(
            f"{run.name} has kept no weights yet: there is no {run.checkpoint}",
            "while it is still training, wait for its first checkpoint; if its training has ended, train it anew",
        )
    kept = checkpoint.load(run.checkpoint, lowered.space)
    with torch.device("meta"):  # nothing is drawn that the weights then take the place of
        model = _made(lowered)
    model.to_empty(device=device)
    try:
        model.load_state_dict(kept.average or kept.weights)
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise Failure(f"{run.checkpoint} does not fit its space: {reason}", "train anew") from None
    return model.eval(), kept.state.step


def _made(lowered: Lowered) -> Supernet:
    return Supernet(lowered.space.frame, lowered.plan, backend)
