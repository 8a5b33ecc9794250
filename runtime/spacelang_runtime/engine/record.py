"""What is recorded of a run, as values, and the JSON in which they lie on the disk.

This module does not import torch, so that commands that only look at runs answer at once.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import Any

import cattrs
from attrs import field, frozen
from attrs.validators import and_, ge, in_, le, optional

from spacelang.outside import NotJson, parse
from spacelang.outside import read as read_file
from spacelang.version import __version__
from spacelang_runtime.engine.kinds import misfits
from spacelang_runtime.failure import Failure
from spacelang_runtime.preprocessing import Preprocessing

FORMAT = "spacelang.run/2"
_COUNT = and_(ge(0), le(10**12))
_SECONDS = and_(ge(0), le(10**10))
OF_SPACES = ("supernet", "finetune", "finish")  # that train images' classes: a whole space, or one network
OF_ONE_NETWORK = ("finetune", "finish")


@frozen
class Data:
    """What was trained on. where: as the user wrote it. fingerprint: the same for the same data. classes: of
    images; empty where a task has answers of another kind. test_share: of every class, held out for the test by
    `test_seed`, of data without a test split; 0 where it has one; test_seen: whether the weights that the training
    began with may have learned from these. form: what it was taken for, in words."""

    where: str
    name: str
    fingerprint: str
    classes: tuple[str, ...] = ()
    test_share: float = 0.0
    test_seed: int = 0
    test_seen: bool = False
    form: str = ""


@frozen
class Limits:
    """What ends a training: `steps` updates, or `budget` seconds of training, whichever comes first."""

    steps: int = field(validator=_COUNT)
    budget: float | None = field(default=None, validator=optional(_SECONDS))


@frozen
class Initial:
    """What a training began with. model: the folder of a network, as written. random: whether its weights were left
    aside. bert: the folder of a language model, as written."""

    model: str
    random: bool = False
    bert: str | None = None


@frozen
class Distillation:
    """What a network learns from besides labels. teacher, weights: as written. share: of the teacher in a
    target."""

    teacher: str
    share: float
    weights: str | None = None


@frozen
class Finish:
    """What the training of a found network on its own began with. run: of the supernet whose weights it inherits;
    step: that they are of. share: of the seconds that this supernet's training took; seconds: that these are here.
    final: whether it learns from the images too that were held out for the search."""

    run: str
    step: int
    share: float
    seconds: float
    final: bool = False


@frozen
class Record:
    """Where a run came from. task: supernet, finetune, finish, detect, segment or vqa. overrides: what the command
    line changed in the recipe, as written. space: the name of the space that is trained; empty for tasks that train
    none. network: the line of the one network that is trained (`finetune`, `finish`). preprocessing: what its
    networks are scored by; None in runs from before that was recorded. initial: None where all weights were random
    from the start. keep: which weights are taken home, the last ones, or the best of all looks at the held-out
    images. processes: how many trained together. name: of its folder, given when it is made. created: UTC,
    ISO 8601."""

    task: str
    data: Data
    limits: Limits
    device: str
    command: tuple[str, ...]
    overrides: dict[str, str] = field(factory=dict)
    space: str = ""
    network: str = ""
    preview: bool = False
    preprocessing: Preprocessing | None = None
    initial: Initial | None = None
    distillation: Distillation | None = None
    finish: Finish | None = None
    keep: str = field(default="last", validator=in_(("last", "best")))
    processes: int = field(default=1, validator=_COUNT)
    name: str = ""
    created: str = ""
    versions: dict[str, str] = field(factory=dict)
    format: str = FORMAT


@frozen
class State:
    """How far training has come at the last checkpoint. losses: the last, by name (of a supernet: largest,
    smallest, random). elapsed: seconds of training. skipped: steps whose loss or gradient was not finite. finished:
    whether nothing is left to do, its last evaluation included."""

    step: int = field(validator=_COUNT)
    limits: Limits
    elapsed: float = field(validator=_SECONDS)
    losses: dict[str, float]
    skipped: int = field(validator=_COUNT)
    finished: bool


def upgraded(kept: dict[str, Any]) -> dict[str, Any]:
    """A record as it is written today, of one that an earlier version wrote.

    Until spacelang.run/2 a record held its recipe, which lies beside it too; `finetune` kept what it began with and
    its teacher among the overrides; and transfers had a record of their own.
    """
    match kept.get("format"):
        case "spacelang.run/1":
            kept = {name: value for name, value in kept.items() if name != "recipe"} | {"task": "supernet"}
            if kept.get("network"):
                words = dict(kept["overrides"])
                model, random = words.pop("from", None), words.pop("from_scratch", None)
                teacher, weights = words.pop("teacher", None), words.pop("teacher_weights", None)
                share = words.pop("share", "0.5")
                kept |= {"task": "finetune", "overrides": words}
                if model is not None:
                    kept["initial"] = {"model": model, "random": random is not None}
                if teacher is not None:
                    kept["distillation"] = {"teacher": teacher, "share": float(share), "weights": weights}
        case "spacelang.transfer/1":
            where = kept["data"]
            kept = {
                **{name: kept[name] for name in ("limits", "device", "command", "processes", "name", "created")},
                "task": kept["recipe"]["task"],
                "data": {"where": where, "name": Path(where).name, "fingerprint": kept["fingerprint"]},
                "overrides": dict(line.split("=", 1) for line in kept["overrides"]),
                "initial": {name: kept[name] for name in ("model", "random", "bert")},
                "versions": kept["versions"],
            }
    return kept | {"format": FORMAT}


def versions() -> dict[str, str]:
    """The versions of what a run's numbers depend on."""
    versions = {"python": python_version(), "spacelang": __version__}
    for package in ("torch", "torchvision", "timm"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    return versions


def written(value: Any) -> Any:
    """One of these values as JSON has it."""
    return _convert.unstructure(value)


def read(path: Path, kind: type[Any]) -> Any:
    """The value of that kind in a file. Raises `Failure` for one that is damaged."""
    kept = read_json(path)
    try:
        return structured(upgraded(kept) if kind is Record and isinstance(kept, dict) else kept, kind)
    except NotJson as reason:
        raise damaged(path, str(reason)) from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:  # of an old record
        raise damaged(path, f"{type(error).__name__} {error}") from None


def structured(record: Any, kind: type[Any]) -> Any:
    """One of these values from what JSON has of it. Raises `NotJson` with the keys that are wrong."""
    if wrong := "; ".join(misfits(record, kind)):
        raise NotJson(wrong)
    try:
        return _convert.structure(record, kind)
    except ValueError as error:  # of a value that its key does not take
        raise NotJson(str(error.args[0])) from None


def read_json(path: Path) -> Any:
    """The JSON in a file. Raises `Failure` for a file that holds none."""
    try:
        return parse(read_text(path))
    except NotJson as reason:
        raise damaged(path, str(reason)) from None


def read_text(path: Path) -> str:
    """The text in a file. Raises `Failure` for a file that cannot be read or is not UTF-8."""
    try:
        return read_file(path)
    except OSError as error:
        raise Failure(f"cannot read {path}: {error.strerror}", "give read access to it") from None
    except NotJson as reason:
        raise damaged(path, str(reason)) from None


def damaged(path: Path, reason: str) -> Failure:
    """What to say of a file of a run that is not what it should be."""
    return Failure(f"{path} is damaged: {reason}", f"restore it, or delete {path.parent} and run again")


_convert = cattrs.Converter(detailed_validation=False)
