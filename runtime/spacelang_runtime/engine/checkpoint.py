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

import attrs
import torch
from attrs import field, frozen
from torch import Tensor

from spacelang import interchange
from spacelang.outside import NotJson, shown
from spacelang.recipe import Evolve, Refine, Train
from spacelang.space import Space
from spacelang_runtime.atomic import replace
from spacelang_runtime.engine.loss_scale import LossScale
from spacelang_runtime.engine.record import Limits, structured
from spacelang_runtime.failure import Failure

FORMAT = "spacelang.checkpoint/2"
EARLIER = ("spacelang.checkpoint/1", "spacelang.transfer.checkpoint/1")


@frozen
class TrainerState:
    """How far a training has come. step: steps done, skipped ones included. elapsed: seconds of training.
    skipped: steps whose loss or gradient was not finite; streak: how many of them were the last, overflows of a
    loss scale left out. losses: the last ones. waited: seconds of `elapsed` that were spent waiting for data.
    micro: how many images a process takes at a time where memory has not borne as many as asked for; 0: as many
    as those. loss_scale: in fp16, of the next step. owed: whether it is still to be evaluated."""

    step: int = 0
    elapsed: float = 0.0
    skipped: int = 0
    streak: int = 0
    losses: dict[str, float] = field(factory=dict)
    waited: float = 0.0
    micro: int = 0
    loss_scale: LossScale | None = None
    owed: bool = False

    def after(
        self, elapsed: float, losses: dict[str, float], waited: float, problem: str, overflowed: bool = False
    ) -> TrainerState:
        """One step later. problem: why it was skipped; empty where it was not. overflowed: whether all that was
        wrong was its loss scale."""
        counted = bool(problem) and not overflowed
        return TrainerState(
            step=self.step + 1,
            elapsed=elapsed,
            skipped=self.skipped + bool(problem),
            streak=self.streak + 1 if counted else self.streak if problem else 0,
            losses=losses,
            waited=self.waited + waited,
            micro=self.micro,
            loss_scale=self.loss_scale.after(overflowed) if self.loss_scale else None,
        )


@frozen(eq=False)
class Checkpoint:
    """A training at rest. name, digest: of what is trained; the digest is empty where the run alone says what
    that is. weights: the model's, running means of norms included; average: its averaged ones, where the recipe
    averages. optimizer: torch's state of it."""

    name: str
    digest: str
    limits: Limits
    state: TrainerState
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
    bare = attrs.evolve(space, train=Train(), evolve=Evolve(), refine=Refine())
    return hashlib.sha256(interchange.to_json(bare).encode()).hexdigest()


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Put a checkpoint in the place of the last one. Raises `Failure` where it cannot; the last one then stays."""
    values = {name: getattr(checkpoint, name) for name in attrs.fields_dict(Checkpoint)}
    values |= {"format": FORMAT, "limits": attrs.asdict(checkpoint.limits), "state": attrs.asdict(checkpoint.state)}
    replace(path, lambda file: torch.save(values, file))


def load(path: Path, space: Space | None = None) -> Checkpoint:
    """The checkpoint in a file, in main memory. Raises `Failure` where there is none, where it is damaged, and
    where it is of another space than `space`."""
    values = _read(path)
    name, of = part(path, values, "name", str), part(path, values, "digest", str)
    if space is not None and of != digest(space):
        raise Failure(
            f"{path} is of space {name} ({of[:8]}), and this is space {space.name} "
            f"({digest(space)[:8]}): their supernets differ",
            "take the run of this space, or train it",
        )
    return Checkpoint(
        name=name,
        digest=of,
        limits=part(path, values, "limits", Limits),
        state=part(path, values, "state", TrainerState),
        weights=part(path, values, "weights", dict),
        average=None if values.get("average") is None else part(path, values, "average", dict),
        optimizer=part(path, values, "optimizer", dict),
    )


def part(path: Path, values: dict[str, Any], name: str, kind: type[Any]) -> Any:
    """A part of a checkpoint of a kind. Raises `Failure` where it is none."""
    try:
        if kind not in (dict, str):
            return structured(values[name], kind)
        if isinstance(values[name], kind):
            return values[name]
        raise NotJson("it is no table" if kind is dict else f"{shown(values[name])} is no text")
    except (KeyError, NotJson) as reason:
        said = "it is missing" if isinstance(reason, KeyError) else reason
        raise Failure(f"{path} is damaged: {name}: {said}", "restore it, or train anew") from None


def _read(path: Path) -> dict[str, Any]:
    """The values in a checkpoint's file, under their names of today. Raises `Failure` where there are none,
    and where a part of the file is not as it was written."""
    try:
        if part := spoiled(path):
            raise Failure(f"{path} is damaged: {part} in it is not as it was written", "restore it, or train anew")
        # The file is mapped, not read: what is only compared or copied to a device is never held twice.
        values = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except FileNotFoundError:
        raise Failure(
            f"{path.parent} has no checkpoint: its training ended before the first one", "train it anew"
        ) from None
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError, BadZipFile) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise Failure(f"{path} cannot be read: {reason}", "restore the file, or train anew") from None
    if not isinstance(values, dict) or values.get("format") not in (FORMAT, *EARLIER):
        raise Failure(f"{path} is no checkpoint of this version ({FORMAT})", "train anew")
    if values["format"] in EARLIER:
        # A transfer's checkpoint named nothing and had no average.
        values |= {"name": values.get("space", ""), "digest": values.get("digest", "")}
        values |= {"state": values.get("standing"), "average": values.get("average")}
    return values
