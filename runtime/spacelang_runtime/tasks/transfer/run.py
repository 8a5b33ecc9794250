"""What a run keeps for a task that has a network as its backbone, beside what every run keeps.

This module does not import torch, so that a wrong name is answered at once.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from spacelang.outside import parse, read
from spacelang_runtime.atomic import replace_json
from spacelang_runtime.engine.record import damaged, read_json
from spacelang_runtime.engine.run import RunFolder
from spacelang_runtime.failure import Failure
from spacelang_runtime.tasks.recipe import TransferRecipe
from spacelang_runtime.tasks.recipe_text import structured, unstructured

TASKS = ("detect", "segment", "vqa")


def write_recipe(folder: Path, recipe: TransferRecipe, labels: dict[str, Any]) -> None:
    """Keep the recipe that a run really uses, and what its answers are called, in the run's folder."""
    values = {"recipe_name": recipe.name, "recipe": unstructured(recipe), "labels": labels}
    replace_json(folder / "recipe.json", values)


def read_recipe(run: RunFolder) -> tuple[TransferRecipe, dict[str, Any]]:
    """The recipe and the labels of a run. Raises `Failure` where their file is damaged."""
    path = run.folder / "recipe.json"
    if not path.is_file():
        path = run.folder / "transfer.json"  # where they lay before all runs had one record
    values = read_json(path)
    try:
        recipe, labels = structured(values["recipe"], str(values["recipe_name"]), str(path)), values["labels"]
        if not isinstance(labels, dict):
            raise TypeError("'labels' is no object")
        return recipe, labels
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise damaged(path, f"{type(error).__name__} {error}") from None


def measured(run: RunFolder) -> int | None:
    """The step whose model was measured last; None where there is none. A model is kept before it is measured: one
    without figures is still to be."""
    try:
        notes = parse(read(run.model / "config.json"))["notes"]
        return None if notes.get("unmeasured") else int(notes["step"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def figures_of(run: RunFolder, step: int) -> dict[str, float | None] | None:
    """What was measured of the model at a step, by the journal; None where it has not been measured."""
    path = run.folder / "journal.jsonl"
    told = f'"what": "measured", "step": {step}, '
    try:
        lines = [line for line in read(path).splitlines() if told in line]
        return dict(parse(lines[-1])["figures"]) if lines else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def note(run: RunFolder, what: str, **facts: Any) -> None:
    """Add a line to the journal; once this returns, it is on the disk."""
    line = json.dumps({"at": datetime.now(UTC).isoformat(timespec="seconds"), "what": what} | facts) + "\n"
    try:
        with open(run.folder / "journal.jsonl", "a", encoding="utf-8") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise Failure(f"cannot write the journal of {run.name}: {error.strerror}", "make room there") from None
