"""A new run, under a name of its own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import attrs

from spacelang import interchange
from spacelang.space import Space
from spacelang_runtime.atomic import replace, replace_json, sweep
from spacelang_runtime.engine.record import Record, versions, written
from spacelang_runtime.engine.run import RECORDS, RunFolder, require_folder
from spacelang_runtime.failure import Failure


def create(runs: Path, record: Record, source: str, space: Space) -> RunFolder:
    """A new run of `space` in the folder `runs`, under a name of its own: s3-1, s3-2, …"""

    def write(folder: Path) -> None:
        replace(folder / "source.space", lambda file: file.write(source.encode()))
        replace(folder / "space.json", lambda file: file.write(interchange.to_json(space).encode()))

    return create_with(runs, record, space.name, write)


def create_with(runs: Path, record: Record, stem: str, write: Callable[[Path], None]) -> RunFolder:
    """A new run in the folder `runs`, named after a stem. write: puts into its folder what its task keeps there."""
    folder = take(runs, stem)
    created = datetime.now(UTC).isoformat(timespec="microseconds")
    record = attrs.evolve(record, name=folder.name, created=created, versions=versions())
    write(folder)
    replace_json(folder / RECORDS[0], written(record))
    return RunFolder(folder, record)


def take(runs: Path, stem: str) -> Path:
    """A new folder in `runs`: the stem with the number after the last.

    Several processes may ask at the same time: making the folder is what takes the name. What killed ones have half
    written in runs of the same stem is removed: those may never go on. Raises `Failure` where it cannot be made.
    """
    require_folder(runs)
    try:
        runs.mkdir(parents=True, exist_ok=True)
        there = list(runs.glob(f"{stem}-*"))
        for path in there:
            sweep(path)
        taken = [path.name.removeprefix(f"{stem}-") for path in there]
        number = max((int(end) for end in taken if end.isdecimal()), default=0)
        while True:
            number += 1
            folder = runs / f"{stem}-{number}"
            try:
                folder.mkdir()
                return folder
            except FileExistsError:
                continue
    except OSError as error:
        raise Failure(
            f"cannot make a run in {runs}: {error.strerror}", "name a folder of your own: --runs FOLDER"
        ) from None
