"""What a transfer needs to go on, as one file of tensors and plain values. No generator's state is in it: a step
seeds all of its randomness by its own number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from attrs import asdict, frozen
from torch import Tensor

from spacelang_runtime.atomic import replace
from spacelang_runtime.engine.checkpoint import Standing, part, read
from spacelang_runtime.engine.record import Limits

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
    record = read(path, FORMAT)
    return Checkpoint(
        limits=part(path, record, "limits", Limits),
        standing=part(path, record, "standing", Standing),
        weights=part(path, record, "weights", dict),
        optimizer=part(path, record, "optimizer", dict),
    )
