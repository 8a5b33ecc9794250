"""Where the data of a run lies: it may have moved since, and been mended."""

from __future__ import annotations

from pathlib import Path

import attrs

from spacelang_runtime.atomic import replace_json
from spacelang_runtime.data.forms.braces import expanded
from spacelang_runtime.engine.record import damaged, read_json, written
from spacelang_runtime.engine.run import RECORDS, RunFolder
from spacelang_runtime.failure import Failure


def place_of(run: RunFolder, data: str | None = None) -> str:
    """Where the data of a run is: as asked for, or else as recorded. Raises `Failure` where there is none."""
    where = run.record.data.where if data is None else data
    if where == "digits" or Path(expanded(where)[0]).expanduser().exists():
        return where
    if data is not None:
        raise Failure(f"there is no {data}", f"{run.name} was trained on {run.record.data.where}")
    relative = (
        "" if Path(where).expanduser().is_absolute() else f", as seen from where it was trained, not {Path.cwd()}"
    )
    raise Failure(f"the data of {run.name} is not here: {where}{relative}", "say where it is: --data FOLDER")


def keep_place(run: RunFolder, where: str, fingerprint: str, form: str = "") -> RunFolder:
    """The run, once it is recorded where its data is now, what tells it from other data, and what it was taken
    for."""
    data = attrs.evolve(run.record.data, where=where, fingerprint=fingerprint, form=form)
    if data == run.record.data:
        return run
    record = attrs.evolve(run.record, data=data)
    replace_json(run.folder / RECORDS[0], written(record))
    return RunFolder(run.folder, record)


def write_data(folder: Path, files: dict[str, str], broken: dict[str, str]) -> None:
    """Keep what data a run reads: what tells its files from others, and which are left out, with the reason."""
    replace_json(folder / "data.json", {"files": files, "broken": broken})


def read_data(run: RunFolder) -> tuple[dict[str, str], dict[str, str]] | None:
    """What `write_data` has kept; None in a run from before it was. Raises `Failure` where it is damaged."""
    path = run.folder / "data.json"
    if not path.is_file():
        return None
    try:
        kept = read_json(path)
        return dict(kept["files"]), dict(kept["broken"])
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(path, f"{type(error).__name__} {error}") from None


def differences(before: dict[str, str], after: dict[str, str]) -> str:
    """How the files of data differ, in words; empty where they do not."""
    parts = (
        ("new", sorted(after.keys() - before.keys())),
        ("gone", sorted(before.keys() - after.keys())),
        ("changed", sorted(name for name in before.keys() & after.keys() if before[name] != after[name])),
    )
    return ", ".join(
        f"{len(names)} {what} ({', '.join(names[:2])}{', …' if len(names) > 2 else ''})"
        for what, names in parts
        if names
    )


def alike(before: dict[str, str], after: dict[str, str]) -> bool:
    """Whether most of the files are what they were."""
    return 2 * sum(after.get(name) == mark for name, mark in before.items()) > len(before)
