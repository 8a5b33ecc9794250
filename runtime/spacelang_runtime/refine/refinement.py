"""A refinement on the disk: which spaces followed one another, and which run trained each.

    runs/refine-NAME-DIGEST/
        refinement.json   what was asked for, the spaces so far, which were kept, and why it ended
        SPACE.space       the text of each space that was tried
        SPACE.json        what was found of it; with that, its run is needed no more
        report.html, distributions.*, moved.*, slopes-SPACE.*

What is asked for names the folder, so that the same command finds it again and goes on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import cattrs
from attrs import frozen

from spacelang.outside import parse, read
from spacelang_runtime.atomic import replace_json
from spacelang_runtime.failure import Failure

FORMAT = "spacelang.refinement/1"
# What a record that is not as it was written raises; an endless number is no number of a space.
_DAMAGED = (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, cattrs.BaseValidationError)


@frozen
class Round:
    """One space of a refinement. file: its text. run: that trains its supernet; None before it has begun.
    inherited: the share of its first weights that came from the space before. shorter: the runs that train it for a
    half and a quarter of the length. parent: the number of the space that it was moved from. kept: whether it was;
    None before it was judged. difference: its E-T error less that of the space before, and between what it lies, as
    shares."""

    file: str
    run: str | None = None
    inherited: float | None = None
    shorter: tuple[str, ...] = ()
    parent: int | None = None
    kept: bool | None = None
    difference: tuple[float, float, float] | None = None


@frozen
class Refinement:
    """A refinement. asked: all that its outcome depends on, as JSON values. best: the number of the space that it
    ends with, and why it ends there; 0 while it goes on."""

    folder: Path
    asked: Mapping[str, Any]
    rounds: tuple[Round, ...] = ()
    best: int = 0
    reason: str = ""


def begun(runs: Path, name: str, asked: Mapping[str, Any]) -> Refinement:
    """The refinement of a space of that name which was asked for in these words: the one begun before, or a new
    one, of which nothing is on the disk yet. Raises `Failure` where its record is damaged."""
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()[:8]
    return reread(Refinement(runs / f"refine-{name}-{digest}", asked))


def reread(refinement: Refinement) -> Refinement:
    """The refinement as it is on the disk now. Raises `Failure` where its record is damaged."""
    folder = refinement.folder
    path = folder / "refinement.json"
    if not path.exists():
        return refinement
    try:
        record = parse(read(path))
        if record["format"] != FORMAT:
            raise ValueError(f"its format is {record['format']!r}")
        rounds = cattrs.structure(record["rounds"], tuple[Round, ...])
        best, reason = int(record.get("best", 0)), str(record.get("reason", ""))
    except _DAMAGED as wrong:
        raise Failure(f"{path} is damaged: {wrong}", f"delete {folder}, and begin anew") from None
    return Refinement(folder, refinement.asked, rounds, best, reason)


def with_round(refinement: Refinement, number: int, one: Round) -> Refinement:
    """The refinement with its round of a number, from 1, put there: the last, or one that is there."""
    return attrs.evolve(refinement, rounds=(*refinement.rounds[: number - 1], one, *refinement.rounds[number:]))


def keep(refinement: Refinement) -> None:
    """Put the refinement on the disk. Raises `Failure` where that cannot be done."""
    try:
        refinement.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Failure(
            f"cannot make {refinement.folder}: {error.strerror}", "run where folders can be made"
        ) from None
    record = {
        "format": FORMAT,
        "asked": json.loads(json.dumps(refinement.asked, default=str)),
        "rounds": [cattrs.unstructure(one) for one in refinement.rounds],
        "best": refinement.best,
        "reason": refinement.reason,
    }
    replace_json(refinement.folder / "refinement.json", record)
