"""Which architecture a user means: `best`, `cheapest`, `largest`, `smallest`, a name, a line of text or a JSON
file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from spacelang import notation
from spacelang.architecture import Architecture, NotAnArchitecture, from_json
from spacelang.diagnostics import nearest
from spacelang.lower.lowered import Lowered
from spacelang.outside import parse
from spacelang.outside import read as read_file
from spacelang.runs import called
from spacelang_runtime.engine.run import RunFolder
from spacelang_runtime.failure import Failure
from spacelang_runtime.search.journal_file import look

OF_A_RUN = ("best", "cheapest", "largest", "smallest")  # words for networks of a run
_NAME = r"[0-9a-f]{4,64}"  # a digest, or how it begins


def read(text: str) -> Architecture | None:
    """The architecture that a line or a JSON file describes by itself; None where the text is neither."""
    if notation.looks_like(text):
        try:
            return notation.read(text)
        except NotAnArchitecture as reason:
            raise Failure(
                f"this line is not an architecture: {reason}", "copy it from `spacelang inspect`"
            ) from None
    path = Path(text)
    if (path / "model.safetensors").is_file() and not (path / "config.json").is_file():
        raise Failure(
            f"{path} has weights and no config.json: nothing tells what network they are of",
            "bring config.json back, or export the network again",
        )
    path = path / "config.json" if (path / "config.json").is_file() else path
    if path.suffix != ".json" or not path.is_file():
        return None
    try:
        value = parse(read_file(path))
        inside = value.get("network", value.get("architecture", value)) if isinstance(value, dict) else value
        return notation.read(inside) if isinstance(inside, str) else from_json(inside)
    except (OSError, ValueError) as reason:
        raise Failure(
            f"{path} does not describe an architecture: {reason}", "name a model's config.json, or give a line"
        ) from None


def names_one(text: str) -> bool:
    """Whether a text is a word for a network of a run, or what may be the name of one."""
    return text in OF_A_RUN or re.fullmatch(_NAME, text) is not None


def best_of(run: RunFolder, word: Literal["best", "cheapest"] = "best") -> Architecture:
    """The best network that the last search of a run has found; or, of those that cannot be told from it, the
    cheapest."""
    path = run.folder / "best.json"
    if not path.exists():
        raise Failure(f"{run.name} has not been searched yet", f"search it: spacelang evolve {called(run.folder)}")
    record = run.best or {}
    if word == "cheapest" and "cheapest" not in record:
        raise Failure(
            f"{run.name} was last searched by a version that had no finalists",
            f"search it again: spacelang evolve {called(run.folder)}",
        )
    return from_json(record["architecture" if word == "best" else "cheapest"])


def resolve(text: str, run: RunFolder, lowered: Lowered) -> Architecture:
    """The architecture of a run that a text means. Raises `Failure` where it means none of its space."""
    match text:
        case "best" | "cheapest":
            architecture = best_of(run, text)
        case "largest" | "smallest":
            architecture = getattr(lowered, text)
        case _:
            architecture = read(text) or _named(text, run)
    try:
        lowered.genotype(architecture)
    except ValueError as reason:
        raise Failure(f"the space of {run.name} does not hold this architecture: {reason}") from None
    return architecture


def _named(text: str, run: RunFolder) -> Architecture:
    words = (
        "best, cheapest, largest, smallest, a name that `inspect` shows, a line, a JSON file, or a model's folder"
    )
    if Path(text).is_dir():
        raise Failure(f"{text} is a folder without config.json: there is no model in it", f"give {words}")
    if not re.fullmatch(_NAME, text):
        near = nearest(text, OF_A_RUN)
        raise Failure(f"{text!r} names no architecture", f"did you mean {near}?" if near else f"give {words}")
    with look(run.folder) as journal:
        found = journal.named(text)
    if len(found) != 1:
        what = "no" if not found else "more than one"
        raise Failure(
            f"{what} architecture that {run.name} has scored has a name beginning with {text}", f"give {words}"
        )
    return notation.read(found[0].line)
