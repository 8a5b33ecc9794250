"""A run: the folder `runs/NAME/` that keeps one experiment.

    run.json         where it came from (`Record`); written last, so a folder that has it is complete
    state.json       how far training has come (`State`)
    checkpoint.pt    weights and all that training needs to go on
    data.json        what it reads of its data
    launch           the torchrun job that last trained it, so that its restarts find it
    tensorboard/     scalars; trace/: profiles

Of a space, or of one network that is fine-tuned:

    source.space     the text as it was
    space.json       the compiled space, with the recipes and the classes really used
    best.json        the best network that a search has found
    finished/        of found networks that were trained on alone (`engine.finished`): a run and a model each

Of a task that has a network as its backbone (`tasks.transfer`):

    recipe.json      the recipe really used, and what its answers are called
    network/         the network that it began with
    journal.jsonl    what happened: one line for each beginning, each measurement
    model/           the trained model, which answers by itself

This module does not import torch, so that commands that only look at runs answer at once.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from attrs import frozen

from spacelang import interchange
from spacelang.space import Space
from spacelang_runtime.atomic import replace, replace_json
from spacelang_runtime.engine.best import read_best
from spacelang_runtime.engine.record import (
    OF_ONE_NETWORK,
    OF_SPACES,
    Record,
    State,
    damaged,
    read,
    read_text,
    written,
)
from spacelang_runtime.failure import Failure

RECORDS = ("run.json", "transfer.json")  # the second of transfers from before all runs had one record


@frozen
class RunFolder:
    """One run on the disk."""

    folder: Path
    record: Record

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint.pt"

    @property
    def tensorboard(self) -> Path:
        return self.folder / "tensorboard"

    @property
    def trace(self) -> Path:
        return self.folder / "trace"

    @property
    def network(self) -> Path:
        """The folder of the network that a transfer began with."""
        return self.folder / "network"

    @property
    def model(self) -> Path:
        """The folder of the model that a transfer, or a finish, has trained."""
        return self.folder / "model"

    @property
    def source(self) -> str:
        """The text that the space was compiled from."""
        return read_text(self.folder / "source.space")

    @property
    def space(self) -> Space:
        """The compiled space, with the recipes and classes really used."""
        path = self.folder / "space.json"
        try:
            return interchange.from_json(read_text(path))
        except interchange.NotASpace as reason:
            raise damaged(path, str(reason)) from None

    @property
    def state(self) -> State | None:
        """How far training has come; None before the first checkpoint."""
        path = self.folder / "state.json"
        return read(path, State) if path.exists() else None

    @property
    def best(self) -> dict[str, Any] | None:
        """The best network found, as its search wrote it; None before a search has ended."""
        path = self.folder / "best.json"
        return read_best(path) if path.exists() else None

    @property
    def launch(self) -> str:
        """The torchrun job that last trained it (`distributed.Launch`); empty where there was none."""
        path = self.folder / "launch"
        return read_text(path) if path.exists() else ""


def find(runs: Path, name: str | None = None, tasks: Collection[str] = OF_SPACES) -> RunFolder:
    """The run of that name or in that folder; with no name, the last one created that trains a whole space, or
    where `tasks` are not those of spaces, the last of theirs.

    Raises `Failure` where there is none, and where the run of that name is of another task.
    """
    require_folder(runs)
    of_spaces = set(tasks) <= set(OF_SPACES)
    if name is None:
        candidates = [run for run in every(runs, tasks) if run.record.task not in OF_ONE_NETWORK]
        if not candidates and of_spaces:
            raise Failure(f"there are no runs in {runs}/ yet", "make one: spacelang train spaces/digits.space")
        if not candidates:
            which = ", ".join(tasks)
            raise Failure(
                f"there is no run of transfer {which} in {runs}/ yet", "train one, with a model and --data"
            )
        return max(candidates, key=lambda run: (run.record.created, run.name))
    for folder in (runs / name, Path(name)):
        run = open_run(folder)
        if run is not None and run.record.task in tasks:
            return run
        if run is not None:
            raise Failure(*_of_another_task(run, of_spaces))
    names = [run.name for run in every(runs, tasks)]
    near = get_close_matches(Path(name).name.removesuffix(".space"), names, n=3)
    known = f"did you mean {' or '.join(near)}?" if near else f"the runs there: {', '.join(names) or 'none'}"
    of = "" if of_spaces else f" of transfer {', '.join(tasks)}"
    raise Failure(f"there is no run {name!r}{of} in {runs}/", known)


def every(runs: Path, tasks: Collection[str] = OF_SPACES) -> Iterator[RunFolder]:
    """All complete runs of some tasks in a folder, by name, but for damaged ones: opening those by name says what
    is wrong."""
    for folder in sorted({path.parent for record in RECORDS for path in runs.glob(f"*/{record}")}):
        try:
            run = open_run(folder)
        except Failure:
            continue
        if run is not None and run.record.task in tasks:
            yield run


def open_run(folder: Path) -> RunFolder | None:
    """The run in a folder; None where it holds none. Raises `Failure` where its record is damaged."""
    record = next((path for name in RECORDS if (path := folder / name).is_file()), None)
    return None if record is None else RunFolder(folder, read(record, Record))


def write_state(run: RunFolder, state: State) -> None:
    """Keep how far training has come."""
    replace_json(run.folder / "state.json", written(state))


def write_launch(run: RunFolder, launch: str) -> None:
    """Keep which torchrun job trains this run."""
    replace(run.folder / "launch", lambda file: file.write(launch.encode()))


def write_best(run: RunFolder, best: dict[str, Any]) -> None:
    """Keep the best network found, as JSON."""
    replace_json(run.folder / "best.json", best)


def of_launch(runs: Path, launch: str, tasks: Collection[str] = OF_SPACES) -> RunFolder | None:
    """The run that a torchrun job trains; None where it has not made one yet."""
    trained = [run for run in every(runs, tasks) if run.launch == launch]
    return max(trained, key=lambda run: (run.record.created, run.name), default=None)


@contextmanager
def removed_unless_saved(run: RunFolder) -> Iterator[None]:
    """Take the run away where what happens inside fails before the first checkpoint: there is nothing to go on
    with, and nobody should find it as the latest."""
    try:
        yield
    except BaseException:
        if not run.checkpoint.exists():
            shutil.rmtree(run.folder, ignore_errors=True)
        raise


def require_folder(runs: Path) -> None:
    """Refuse a file where a folder of runs is meant. Raises `Failure`."""
    if runs.is_file():
        raise Failure(f"{runs} is a file, not a folder of runs", "name a folder: --runs FOLDER")


def _of_another_task(run: RunFolder, of_spaces: bool) -> tuple[str, str]:
    """What to say of a run that the command at hand is not for, and what to do."""
    of = run.record.task
    if of in OF_SPACES:
        return f"{run.name} is no run of transfer", "train one, with a model and --data"
    again = "ask it by spacelang transfer: --eval, --predict, --resume"
    said = again if of_spaces else f"give the same command with transfer {of}"
    return f"{run.name} is a run of transfer {of}", said
