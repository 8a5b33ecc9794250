"""A run: the folder `runs/NAME/` that keeps one experiment, from its text to its best network.

    source.space     the text as it was
    space.json       the compiled space, with the recipes and the classes really used
    run.json         where it came from (`Record`); written last, so a folder that has it is complete
    state.json       how far training has come (`State`)
    checkpoint.pt    the supernet's weights and all that training needs to go on
    best.json        the best network that a search has found
    tensorboard/     scalars; trace/: profiles

This module does not import torch, so that commands that only look at runs answer at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from difflib import get_close_matches
from fractions import Fraction
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import Any

import cattrs
from attrs import evolve, field, frozen

from spacelang import __version__, interchange
from spacelang.expression import Number, exact
from spacelang.recipe import Train
from spacelang.space import Space
from spacelang_runtime.atomic import replace, replace_json
from spacelang_runtime.failure import Failure

FORMAT = "spacelang.run/1"


@frozen
class Data:
    """What was trained on. where: as the user wrote it. fingerprint: the same for the same images."""

    where: str
    name: str
    fingerprint: str
    classes: tuple[str, ...]


@frozen
class Limits:
    """What ends a training: `steps` updates, or `budget` seconds of training, whichever comes first."""

    steps: int
    budget: float | None = None


@frozen
class Record:
    """Where a run came from. name: of its folder, given by `create`. created: UTC, ISO 8601.
    overrides: what the command line changed in the recipe, as written. processes: how many trained together."""

    space: str
    data: Data
    recipe: Train
    limits: Limits
    device: str
    command: tuple[str, ...]
    overrides: dict[str, str] = field(factory=dict)
    preview: bool = False
    processes: int = 1
    name: str = ""
    created: str = ""
    versions: dict[str, str] = field(factory=dict)
    format: str = FORMAT


@frozen
class State:
    """How far training has come at the last checkpoint. losses: the last, by kind of network (largest,
    smallest, random). elapsed: seconds of training. skipped: steps whose loss was not finite."""

    step: int
    limits: Limits
    elapsed: float
    losses: dict[str, float]
    skipped: int
    finished: bool


@frozen
class Run:
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
    def source(self) -> str:
        """The text that the space was compiled from."""
        return _text(self.folder / "source.space")

    @property
    def space(self) -> Space:
        """The compiled space, with the recipes and classes really used."""
        path = self.folder / "space.json"
        try:
            return interchange.from_json(_text(path))
        except interchange.NotASpace as reason:
            raise _damaged(path, str(reason)) from None

    @property
    def state(self) -> State | None:
        """How far training has come; None before the first checkpoint."""
        path = self.folder / "state.json"
        return _structure(path, State) if path.exists() else None

    @property
    def best(self) -> dict[str, Any] | None:
        """The best network found, as its search wrote it; None before a search has ended."""
        path = self.folder / "best.json"
        return _json(path) if path.exists() else None


def create(runs: Path, record: Record, source: str, space: Space) -> Run:
    """A new run of `space` in the folder `runs`, under a name of its own: s3-1, s3-2, …

    Several processes may create runs at the same time: making the folder is what takes the name.
    """
    try:
        runs.mkdir(parents=True, exist_ok=True)
        folder = _take(runs, space.name)
    except OSError as error:
        raise Failure(f"cannot make a run in {runs}: {error.strerror}", "run where folders can be made") from None
    record = evolve(
        record,
        name=folder.name,
        created=datetime.now(UTC).isoformat(timespec="microseconds"),
        versions=versions(),
    )
    replace(folder / "source.space", lambda file: file.write(source.encode()))
    replace(folder / "space.json", lambda file: file.write(interchange.to_json(space).encode()))
    replace_json(folder / "run.json", _convert.unstructure(record))
    return Run(folder, record)


def find(runs: Path, name: str | None = None) -> Run:
    """The run of that name or in that folder; with no name, the one created last.

    Raises `Failure` where there is none.
    """
    if name is None:
        found = list(every(runs))
        if not found:
            raise Failure(f"there are no runs in {runs}/ yet", "make one: spacelang train spaces/digits.space")
        return max(found, key=lambda run: (run.record.created, run.name))
    for folder in (runs / name, Path(name)):
        if (folder / "run.json").is_file():
            return _open(folder)
    names = [run.name for run in every(runs)]
    near = get_close_matches(name, names, n=3)
    known = f"did you mean {' or '.join(near)}?" if near else f"the runs there: {', '.join(names) or 'none'}"
    raise Failure(f"there is no run {name!r} in {runs}/", known)


def every(runs: Path) -> Iterator[Run]:
    """All complete runs of a folder, by name, but for damaged ones: opening those by name says what is wrong."""
    for path in sorted(runs.glob("*/run.json")):
        try:
            yield _open(path.parent)
        except Failure:
            continue


def write_state(run: Run, state: State) -> None:
    """Keep how far training has come."""
    replace_json(run.folder / "state.json", _convert.unstructure(state))


def write_best(run: Run, best: dict[str, Any]) -> None:
    """Keep the best network found, as JSON."""
    replace_json(run.folder / "best.json", best)


def versions() -> dict[str, str]:
    """The versions of what a run's numbers depend on."""
    found = {"python": python_version(), "spacelang": __version__}
    for package in ("torch", "torchvision", "timm"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def _take(runs: Path, name: str) -> Path:
    taken = [p.name.removeprefix(f"{name}-") for p in runs.glob(f"{name}-*")]
    number = max((int(end) for end in taken if end.isdecimal()), default=0)
    while True:
        number += 1
        folder = runs / f"{name}-{number}"
        try:
            folder.mkdir()
            return folder
        except FileExistsError:
            continue


def _open(folder: Path) -> Run:
    return Run(folder, _structure(folder / "run.json", Record))


def _structure(path: Path, kind: type[Any]) -> Any:
    record = _json(path)
    if not isinstance(record, dict):
        raise _damaged(path, "it is not an object")
    try:
        return _convert.structure(record, kind)
    except cattrs.BaseValidationError as error:
        raise _damaged(path, "; ".join(cattrs.transform_error(error))) from None


def _json(path: Path) -> Any:
    try:
        return json.loads(_text(path))
    except ValueError as error:
        raise _damaged(path, f"it is not JSON ({error})") from None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise Failure(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise _damaged(path, f"it is not UTF-8 ({error.reason} at byte {error.start})") from None


def _damaged(path: Path, reason: str) -> Failure:
    return Failure(f"{path} is damaged: {reason}", f"restore it, or delete {path.parent} and run again")


def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True)
    converter.register_unstructure_hook(Fraction, lambda v: int(v) if v.denominator == 1 else str(v))
    converter.register_structure_hook_func(lambda t: t == Number, lambda v, _: exact(Fraction(v)))
    converter.register_structure_hook_func(
        lambda t: t == Number | None, lambda v, _: None if v is None else exact(Fraction(v))
    )
    return converter


_convert = _converter()
