"""What a training needs to go on, as one file of tensors and plain values.

No generator's state is in it: a step seeds all of its randomness by its own number (`train`), so its number is
all that has to be kept.
"""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import torch
from attrs import asdict, evolve, field, frozen
from torch import Tensor

from spacelang import interchange
from spacelang.outside import NotJson
from spacelang.recipe import Evolve, Refine, Train
from spacelang.space import Space
from spacelang_runtime.atomic import replace
from spacelang_runtime.engine.record import Limits, structured
from spacelang_runtime.failure import Failure

FORMAT = "spacelang.checkpoint/1"
STREAK = 10  # steps without a finite loss, one after the other, that end a run


@frozen
class Standing:
    """How far a training has come. step: steps done, skipped ones included. elapsed: seconds of training.
    skipped: steps whose loss was not finite; streak: how many of them were the last. losses: the last ones.
    waited: seconds of `elapsed` that were spent waiting for data."""

    step: int = 0
    elapsed: float = 0.0
    skipped: int = 0
    streak: int = 0
    losses: dict[str, float] = field(factory=dict)
    waited: float = 0.0

    def after(self, elapsed: float, losses: dict[str, float], waited: float, problem: str) -> Standing:
        """One step later. problem: why it was skipped; empty where it was not."""
        return Standing(
            step=self.step + 1,
            elapsed=elapsed,
            skipped=self.skipped + bool(problem),
            streak=self.streak + 1 if problem else 0,
            losses=losses,
            waited=self.waited + waited,
        )


@frozen(eq=False)
class Checkpoint:
    """A training at rest. space, digest: of the space whose supernet this is. weights: the supernet's;
    average: its averaged ones, where the recipe averages. optimizer: torch's state of it."""

    space: str
    digest: str
    limits: Limits
    standing: Standing
    weights: dict[str, Tensor]
    average: dict[str, Tensor] | None
    optimizer: dict[str, Any]


def spoiled(path: Path) -> str | None:
    """The first part of a checkpoint's file that does not agree with the sum that was written with it (CRC-32, as
    torch keeps for each tensor); None where all do."""
    with ZipFile(path) as file:
        return file.testzip()


def digest(space: Space) -> str:
    """SHA-256 of what is trained, whatever the recipes say about how."""
    bare = evolve(space, train=Train(), evolve=Evolve(), refine=Refine())
    return hashlib.sha256(interchange.to_json(bare).encode()).hexdigest()


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Put a checkpoint in the place of the last one. Raises `Failure` where it cannot; the last one then stays."""
    record = {
        "format": FORMAT,
        "space": checkpoint.space,
        "digest": checkpoint.digest,
        "limits": asdict(checkpoint.limits),
        "standing": asdict(checkpoint.standing),
        "weights": checkpoint.weights,
        "average": checkpoint.average,
        "optimizer": checkpoint.optimizer,
    }
    replace(path, lambda file: torch.save(record, file))


def load(path: Path, space: Space) -> Checkpoint:
    """The checkpoint in a file, in main memory. Raises `Failure` where there is none, where it is damaged, and
    where it is of another space than `space`."""
    record = read(path, FORMAT)
    if record.get("digest") != digest(space):
        raise Failure(
            f"{path} is of space {record.get('space')} ({str(record.get('digest'))[:8]}), and this is space "
            f"{space.name} ({digest(space)[:8]}): their supernets differ",
            "take the run of this space, or train it",
        )
    average = record.get("average")
    return Checkpoint(
        space=str(record.get("space")),
        digest=record["digest"],
        limits=part(path, record, "limits", Limits),
        standing=part(path, record, "standing", Standing),
        weights=part(path, record, "weights", dict),
        average=None if average is None else part(path, record, "average", dict),
        optimizer=part(path, record, "optimizer", dict),
    )


def part(path: Path, record: dict[str, Any], name: str, kind: type[Any]) -> Any:
    """A part of a checkpoint of a kind. Raises `Failure` where it is none."""
    try:
        if kind is not dict:
            return structured(record[name], kind)
        if isinstance(record[name], dict):
            return record[name]
        raise NotJson("it is no table")
    except (KeyError, NotJson) as reason:
        raise Failure(f"{path} is damaged: {name}: {reason}", "restore it, or train anew") from None


def read(path: Path, form: str) -> dict[str, Any]:
    """The values in a checkpoint's file of a format. Raises `Failure` where there are none, and where a part of the
    file is not as it was written."""
    try:
        if part := spoiled(path):
            raise Failure(f"{path} is damaged: {part} in it is not as it was written", "restore it, or train anew")
        # The file is mapped, not read: what is only compared or copied to a device is never held twice.
        record = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except FileNotFoundError:
        raise Failure(
            f"{path.parent} has no checkpoint: its training ended before the first one", "train it anew"
        ) from None
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError, BadZipFile) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise Failure(f"{path} cannot be read: {reason}", "restore the file, or train anew") from None
    if not isinstance(record, dict) or record.get("format") != form:
        raise Failure(f"{path} is no checkpoint of this version ({form})", "train anew")
    return record
