"""What the networks of a run take each class for, as `eval --classes` has measured it: kept for the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from spacelang_runtime.atomic import replace_json
from spacelang_runtime.engine.record import read_json
from spacelang_runtime.engine.run import RunFolder
from spacelang_runtime.failure import Failure


@frozen
class ByClass:
    """One network. name: which. split: of what images. classes: their names. confusion: [row][column], how many
    images of each class were taken for each. intervals: of each class's share of images that are right; None where
    it has no image."""

    name: str
    split: str
    classes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    intervals: tuple[tuple[float, float] | None, ...]

    @property
    def accuracies(self) -> list[float | None]:
        """The share of each class that is right."""
        return [line[at] / sum(line) if any(line) else None for at, line in enumerate(self.confusion)]


def keep(run: RunFolder, split: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep in the run what `eval --classes` tells of its networks, for the report."""
    replace_json(_file(run), {"split": split, "networks": [dict(row) for row in rows]})


def of(run: RunFolder) -> list[ByClass]:
    """The networks of a run whose classes were measured last; none where no one has asked. Raises `Failure` for a
    damaged file."""
    if not (path := _file(run)).exists():
        return []
    kept = read_json(path)
    try:
        return [
            ByClass(
                name=" ".join(word for word in (row["what"], row["name"]) if word),
                split=kept["split"],
                classes=tuple(one["class"] for one in row["classes"]),
                confusion=tuple(map(tuple, row["confusion"])),
                intervals=tuple(one["top1_interval"] and tuple(one["top1_interval"]) for one in row["classes"]),
            )
            for row in kept["networks"]
        ]
    except (LookupError, TypeError) as reason:
        raise Failure(
            f"{path} is damaged: {reason}",
            f"delete it, and measure again: spacelang eval --classes --run {run.name}",
        ) from None


def _file(run: RunFolder) -> Path:
    return run.folder / "classes.json"
