"""What is recorded of a run, as values, and the JSON in which they lie on the disk.

This module does not import torch, so that commands that only look at runs answer at once.
"""

from __future__ import annotations

from fractions import Fraction
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import Any

import cattrs
from attrs import field, frozen
from attrs.validators import and_, ge, le, optional

from spacelang import __version__
from spacelang.expression import Number
from spacelang.expression import written as number
from spacelang.outside import NotJson, parse, shown
from spacelang.outside import read as read_file
from spacelang.recipe import Train
from spacelang_runtime.failure import Failure
from spacelang_runtime.preprocessing import Preprocessing

FORMAT = "spacelang.run/1"
_COUNT = and_(ge(0), le(10**12))
_SECONDS = and_(ge(0), le(10**10))


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

    steps: int = field(validator=_COUNT)
    budget: float | None = field(default=None, validator=optional(_SECONDS))


@frozen
class Record:
    """Where a run came from. name: of its folder, given by `create`. created: UTC, ISO 8601.
    overrides: what the command line changed in the recipe, as written. processes: how many trained together.
    network: the line of the one network that is trained (`finetune`); empty where the whole space is.
    preprocessing: what its networks are scored by; None in runs from before that was recorded."""

    space: str
    data: Data
    recipe: Train
    limits: Limits
    device: str
    command: tuple[str, ...]
    overrides: dict[str, str] = field(factory=dict)
    preview: bool = False
    network: str = ""
    preprocessing: Preprocessing | None = None
    processes: int = field(default=1, validator=_COUNT)
    name: str = ""
    created: str = ""
    versions: dict[str, str] = field(factory=dict)
    format: str = FORMAT


@frozen
class State:
    """How far training has come at the last checkpoint. losses: the last, by kind of network (largest,
    smallest, random). elapsed: seconds of training. skipped: steps whose loss was not finite."""

    step: int = field(validator=_COUNT)
    limits: Limits
    elapsed: float = field(validator=_SECONDS)
    losses: dict[str, float]
    skipped: int = field(validator=_COUNT)
    finished: bool


def versions() -> dict[str, str]:
    """The versions of what a run's numbers depend on."""
    found = {"python": python_version(), "spacelang": __version__}
    for package in ("torch", "torchvision", "timm"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def written(value: Any) -> Any:
    """One of these values as JSON has it."""
    return _convert.unstructure(value)


def read(path: Path, kind: type[Any]) -> Any:
    """The value of that kind in a file. Raises `Failure` for one that is damaged."""
    try:
        return structured(read_json(path), kind)
    except NotJson as reason:
        raise damaged(path, str(reason)) from None


def structured(record: Any, kind: type[Any]) -> Any:
    """One of these values from what JSON has of it. Raises `NotJson` with the keys that are wrong."""
    if not isinstance(record, dict):
        raise NotJson(f"{shown(record)} is no object")
    try:
        return _convert.structure(record, kind)
    except cattrs.BaseValidationError as error:
        raise NotJson("; ".join(cattrs.transform_error(error))) from None


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


def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True)
    converter.register_unstructure_hook(Fraction, lambda v: int(v) if v.denominator == 1 else str(v))
    converter.register_structure_hook_func(lambda t: t == Number, lambda v, _: number(v))
    converter.register_structure_hook_func(
        lambda t: t == Number | None, lambda v, _: None if v is None else number(v)
    )
    return converter


_convert = _converter()
