"""The best network that a search has found, as `best.json` keeps it.

This module does not import torch, so that commands that only look at runs answer at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spacelang.architecture import NotAnArchitecture, from_json
from spacelang.outside import NotJson, finite, shown
from spacelang.recipe import from_record
from spacelang.runs import called
from spacelang_runtime.engine.record import read_json
from spacelang_runtime.failure import Failure


def read_best(path: Path) -> dict[str, Any]:
    """The record in a `best.json`, with all that is shown of it. Raises `Failure` where that is not there."""
    try:
        record: dict[str, Any] = read_json(path)
        _verify(record)
    except (Failure, ValueError) as reason:
        said = reason.message if isinstance(reason, Failure) else f"{path} is damaged: {reason}"
        again = f"spacelang evolve {called(path.parent)}"
        raise Failure(said, f"delete it and search again, from all that was scored: {again}") from None
    return record


def _verify(record: Any) -> None:
    """Make sure that a record says what is asked of it; raises ValueError with the key that does not."""
    if not isinstance(record, dict):
        raise NotJson(f"{shown(record)} is no object")
    if not isinstance(record.get("name"), str):
        raise NotJson(f"'name' is {shown(record.get('name'))}, and must be a text")
    for name in ("accuracy", "images"):
        if not finite(record.get(name)) or not 0 <= record[name] <= 10**30:
            raise NotJson(f"{name!r} is {shown(record.get(name))}, and must be a number from 0")
    _verify_estimate(record.get("estimate"))
    try:
        for bound in record["bounds"]:
            from_record(bound)
            if not isinstance(bound["measure"], str):
                raise TypeError
    except (KeyError, TypeError, ValueError):
        raise NotJson(f"'bounds' is {shown(record.get('bounds'))}, and must be a list of bounds") from None
    for name in ("architecture", *(["cheapest"] if "cheapest" in record else [])):
        try:
            from_json(record.get(name))
        except NotAnArchitecture as reason:
            raise NotJson(f"{name!r}: {reason}") from None


def _verify_estimate(estimate: Any) -> None:
    """The same of an estimate; one of before there were any is None."""
    if estimate is None:
        return
    try:
        numbers = (estimate["correct"], estimate["images"], *estimate["accuracy"])
    except (KeyError, TypeError):
        numbers = ()
    if len(numbers) != 4 or not all(finite(one) and 0 <= one <= 10**30 for one in numbers) or not numbers[1]:
        raise NotJson(f"'estimate' is {shown(estimate)}, and must have 'images', 'correct' and 'accuracy'")
