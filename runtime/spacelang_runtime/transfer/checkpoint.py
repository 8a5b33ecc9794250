"""What a transfer needs to go on, as one file of tensors and plain values. No generator's state is in it: a step
seeds all of its randomness by its own number."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch
from attrs import asdict, frozen
from torch import Tensor

from spacelang_runtime.atomic import replace
from spacelang_runtime.checkpoint import Standing
from spacelang_runtime.failure import Failure
from spacelang_runtime.record import Limits

FORMAT = "spacelang.transfer.checkpoint/1"


@frozen(eq=False)
class Checkpoint:
    """A transfer at rest. weights: the model's state, running means of norms included."""

    limits: Limits
    standing: Standing
    weights: dict[str, Tensor]
    optimizer: dict[str, Any]


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Put a checkpoint in the place of the last one. Raises `Failure` where it cannot; the last one then stays."""
    record = {
        "format": FORMAT,
        "limits": asdict(checkpoint.limits),
        "standing": asdict(checkpoint.standing),
        "weights": checkpoint.weights,
        "optimizer": checkpoint.optimizer,
    }
    replace(path, lambda file: torch.save(record, file))


def load(path: Path) -> Checkpoint:
    """The checkpoint in a file, in main memory. Raises `Failure` where there is none and where it is damaged."""
    try:
        record = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except FileNotFoundError:
        raise Failure(
            f"{path.parent} has no checkpoint: its training ended before the first one", "train it anew"
        ) from None
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise Failure(f"{path} cannot be read: {reason}", "restore the file, or train anew") from None
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise Failure(f"{path} is no checkpoint of this version ({FORMAT})", "train anew")
    return Checkpoint(
        limits=Limits(**record["limits"]),
        standing=Standing(**record["standing"]),
        weights=record["weights"],
        optimizer=record["optimizer"],
    )
