"""A transfer on the disk: the folder `runs/NAME/`, beside the runs of searches.

    transfer.json    where it came from (`Record`); written last, so a folder that has it is complete
    network/         the network that it began with
    checkpoint.pt    weights and all that training needs to go on
    journal.jsonl    what happened: one line for each beginning, each measurement, each end
    model/           the trained model, which answers by itself
    tensorboard/     scalars; trace/: profiles

This module does not import torch, so that a wrong name is answered at once.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from attrs import asdict, evolve, field, fields_dict, frozen

from spacelang.outside import parse, read
from spacelang_runtime.atomic import replace_json
from spacelang_runtime.engine.record import Limits, versions
from spacelang_runtime.engine.record import structured as of_record
from spacelang_runtime.engine.run import take
from spacelang_runtime.failure import Failure
from spacelang_runtime.tasks.recipe import Recipe
from spacelang_runtime.tasks.recipe_text import structured, unstructured

FORMAT = "spacelang.transfer/1"
RECORD = "transfer.json"


@frozen
class Record:
    """Where a transfer came from. model: the folder of the network, as written; random: whether its weights were
    left aside. data: as written; fingerprint: the same for the same data. labels: what its answers are called."""

    recipe: Recipe
    model: str
    random: bool
    data: str
    fingerprint: str
    labels: dict[str, Any]
    limits: Limits
    device: str
    command: tuple[str, ...]
    overrides: tuple[str, ...] = ()
    bert: str | None = None
    processes: int = 1
    name: str = ""
    created: str = ""
    versions: dict[str, str] = field(factory=dict)


@frozen
class Run:
    """One transfer on the disk."""

    folder: Path
    record: Record

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint.pt"

    @property
    def network(self) -> Path:
        return self.folder / "network"

    @property
    def model(self) -> Path:
        return self.folder / "model"

    @property
    def measured(self) -> int | None:
        """The step whose model was measured last and is in `model`; None where there is none."""
        try:
            kept = json.loads((self.model / "config.json").read_text(encoding="utf-8"))
            return int(kept["notes"]["step"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    @property
    def tensorboard(self) -> Path:
        return self.folder / "tensorboard"

    @property
    def trace(self) -> Path:
        return self.folder / "trace"


def create(runs: Path, record: Record) -> Run:
    """A new transfer in the folder `runs`, named after its task and its data: detect-coco-1, detect-coco-2, …"""
    folder = take(runs, f"{record.recipe.task}-{Path(record.data).resolve().name}")
    created = datetime.now(UTC).isoformat(timespec="microseconds")
    return Run(folder, evolve(record, name=folder.name, created=created, versions=versions()))


def complete(run: Run) -> None:
    """Write the record: from now on the folder is a run."""
    kept = {name: getattr(run.record, name) for name in fields_dict(Record)}
    kept |= {"format": FORMAT, "recipe_name": run.record.recipe.name, "limits": asdict(run.record.limits)}
    replace_json(run.folder / RECORD, kept | {"recipe": unstructured(run.record.recipe)})


def find(
    runs: Path,
    task: str,
    name: str | None = None,
    serves: Callable[[Run], bool] = lambda run: True,
    say: Callable[[str], None] = lambda line: None,
) -> Run:
    """The transfer of that name or in that folder; with no name, the task's last that serves, and where none does,
    its last. say: told of those that are passed over. Raises `Failure` for none."""
    if name is None:
        found = [run for run in every(runs) if run.record.recipe.task == task]
        found.sort(key=lambda run: run.record.created, reverse=True)
        if not found:
            raise Failure(
                f"there is no run of transfer {task} in {runs}/ yet", "train one, with a model and --data"
            )
        place = next((place for place, run in enumerate(found) if serves(run)), 0)
        for run in found[:place]:
            say(f"passed over {run.name}: it was stopped before it had kept anything")
        return found[place]
    for folder in (runs / name, Path(name)):
        if (folder / RECORD).is_file():
            run = open_run(folder)
            if run.record.recipe.task != task:
                of = run.record.recipe.task
                raise Failure(f"{run.name} is a run of transfer {of}", f"give the same command with transfer {of}")
            return run
    names = [run.name for run in every(runs) if run.record.recipe.task == task]
    near = get_close_matches(name, names, n=1)
    known = f"did you mean {near[0]}?" if near else f"the runs of {task} there: {', '.join(names) or 'none'}"
    raise Failure(f"there is no run {name!r} of transfer {task} in {runs}/", known)


def every(runs: Path) -> Iterator[Run]:
    """All complete transfers of a folder, by name, but for damaged ones."""
    for path in sorted(runs.glob(f"*/{RECORD}")):
        try:
            yield open_run(path.parent)
        except Failure:
            continue


def open_run(folder: Path) -> Run:
    """The transfer in a folder. Raises `Failure` where its record is damaged."""
    path = folder / RECORD
    try:
        kept = parse(read(path))
        recipe = structured(kept["recipe"], str(kept["recipe_name"]), str(path))
        kept |= {"recipe": recipe, "limits": of_record(kept["limits"], Limits)}
        kept |= {name: tuple(map(str, kept[name])) for name in ("command", "overrides")}
        kept |= {name: str(kept[name]) for name in ("model", "data", "fingerprint", "device", "created")}
        if not isinstance(kept["labels"], dict):
            raise ValueError("'labels' is no object")
        return Run(folder, Record(**{name: kept[name] for name in fields_dict(Record)}))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Failure(
            f"{path} is damaged: {type(error).__name__} {error}", f"restore it, or delete {folder} and train again"
        ) from None


def note(run: Run, what: str, **facts: Any) -> None:
    """Add a line to the journal; once this returns, it is on the disk."""
    line = json.dumps({"at": datetime.now(UTC).isoformat(timespec="seconds"), "what": what} | facts) + "\n"
    try:
        with open(run.folder / "journal.jsonl", "a", encoding="utf-8") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise Failure(f"cannot write the journal of {run.name}: {error.strerror}", "make room there") from None
