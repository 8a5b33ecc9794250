"""A refinement on the disk: which spaces followed one another, and which run trained each.

    runs/refine-NAME-DIGEST/
        refinement.json   what was asked for, and the spaces so far
        report.html, distributions.*, moved.*, slopes-SPACE.*

What is asked for names the folder, so that the same command finds it again and goes on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cattrs
from attrs import frozen

from spacelang.outside import parse, read
from spacelang_runtime.atomic import replace_json
from spacelang_runtime.failure import Failure

FORMAT = "spacelang.refinement/1"


@frozen
class Round:
    """One space of a refinement. file: its text. run: that trains its supernet; None before it has begun.
    inherited: the share of its first weights that came from the space before."""

    file: str
    run: str | None = None
    inherited: float | None = None


@frozen
class Refinement:
    """A refinement. asked: all that its outcome depends on, as JSON values."""

    folder: Path
    asked: Mapping[str, Any]
    rounds: tuple[Round, ...] = ()


def begun(runs: Path, name: str, asked: Mapping[str, Any]) -> Refinement:
    """The refinement of a space of that name which was asked for in these words: the one begun before, or a new
    one, of which nothing is on the disk yet. Raises `Failure` where its record is damaged."""
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()[:8]
    folder = runs / f"refine-{name}-{digest}"
    path = folder / "refinement.json"
    if not path.exists():
        return Refinement(folder, asked)
    try:
        record = parse(read(path))
        if record["format"] != FORMAT:
            raise ValueError(f"its format is {record['format']!r}")
        rounds = cattrs.structure(record["rounds"], tuple[Round, ...])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, cattrs.BaseValidationError) as reason:
        raise Failure(f"{path} is damaged: {reason}", f"delete {folder}, and begin anew") from None
    return Refinement(folder, asked, rounds)


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
    }
    replace_json(refinement.folder / "refinement.json", record)
