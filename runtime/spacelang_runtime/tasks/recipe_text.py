"""Recipes as text: read from TOML, changed by a command line, kept as JSON.

This module does not import torch, so that a wrong recipe is answered at once.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import attrs
import cattrs

from spacelang import resources
from spacelang_runtime.failure import Failure
from spacelang_runtime.tasks.recipe import Detect, Segment, TaskTrain, TransferRecipe, Vqa
from spacelang_runtime.tasks.recipe_types import convert

MODELS: dict[str, type[Detect] | type[Segment] | type[Vqa]] = {"detect": Detect, "segment": Segment, "vqa": Vqa}


def named(text: str, task: str, changes: Sequence[str] = ()) -> TransferRecipe:
    """The recipe of a shipped name (`coco-3x`) or in a file (`mine.toml`), with lines replaced by `NAME=VALUE`.

    Raises `Failure` where there is none, where it is for another task, and where a line is wrong.
    """
    path, known = Path(text), shipped()
    if not text.endswith(".toml") or (not path.exists() and path.stem in known):
        path = folder() / f"{path.stem}.toml"
    if not text.endswith(".toml") and text not in known:
        near = get_close_matches(text, known, n=1)
        own = [name for name, of in known.items() if of == task]
        hint = f"did you mean {near[0]}?" if near else f"recipes for {task}: {', '.join(own)}, or a .toml file"
        raise Failure(f"there is no recipe {text!r}", hint)
    record = _read(path)
    stated = record.get("task")
    if stated != task:
        own = [name for name, of in known.items() if of == task]
        said = (
            f"is a recipe for {stated}" if stated in MODELS else 'has no line task = "detect", "segment" or "vqa"'
        )
        raise Failure(f"{path.name} {said}", f"recipes for {task}: {', '.join(own)}")
    for change in changes:
        _change(record, task, change)
    return structured(record, path.stem, f"{path.name} with {', '.join(changes)}" if changes else str(path))


def structured(record: Mapping[str, Any], name: str, where: str) -> TransferRecipe:
    """The recipe that a record (`unstructured`) describes. Raises `Failure` with every line that is wrong."""
    task = str(record["task"])
    wrong = [
        f"{key!r} is no section (there are train and {task})"
        for key in record
        if key not in ("task", "train", task)
    ]
    sections: dict[str, Any] = {}
    for section, kind in (("train", TaskTrain), (task, MODELS[task])):
        given = record.get(section, {})
        if not isinstance(given, dict):
            wrong.append(f"{section} is no section: write [{section}]")
            continue
        fields = attrs.fields_dict(kind)
        for key in given:
            if key not in fields:
                near = get_close_matches(key, fields, n=1)
                known = f"did you mean {near[0]}?" if near else f"there are {', '.join(fields)}"
                wrong.append(f"{section} has no {key!r}: {known}")
        try:
            sections[section] = convert.structure({k: v for k, v in given.items() if k in fields}, kind)
        except cattrs.BaseValidationError as error:
            for remark in cattrs.transform_error(error, path=section, format_exception=_said):
                said, _, place = remark.rpartition(" @ ")
                wrong.append(f"{place}: {said}")
    if wrong:
        raise Failure(f"{where}: {'; '.join(wrong)}", "correct these lines")
    return TransferRecipe(name, task, sections["train"], sections[task])


def unstructured(recipe: TransferRecipe) -> dict[str, Any]:
    """A recipe as JSON keeps it; `structured` reads it."""
    return {
        "task": recipe.task,
        "train": convert.unstructure(recipe.train),
        recipe.task: convert.unstructure(recipe.model),
    }


def folder() -> Path:
    """Where the shipped recipes lie."""
    return resources.folder("spaces") / "transfer"


def shipped() -> dict[str, str]:
    """The shipped recipes: name → task."""
    return {path.stem: str(_read(path).get("task")) for path in sorted(folder().glob("*.toml"))}


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Failure(f"cannot read {path}: {error.strerror}", "name a recipe, or a .toml file") from None
    except (ValueError, RecursionError) as error:
        raise Failure(f"{path} is not TOML: {error}", "a line is NAME = VALUE, a comment begins with #") from None


def _change(record: dict[str, Any], task: str, change: str) -> None:
    name, equal, text = change.partition("=")
    name, text = name.strip(), text.strip()
    if not equal:
        raise Failure(f"{change!r} is no setting", "write NAME=VALUE, such as batch=8")
    fields = {"train": attrs.fields_dict(TaskTrain), task: attrs.fields_dict(MODELS[task])}
    section = next((section for section, names in fields.items() if name in names), None)
    if section is None:
        own = [*fields["train"], *fields[task]]
        others = [other for other, kind in MODELS.items() if name in attrs.fields_dict(kind)]
        near = get_close_matches(name, own, n=1, cutoff=0.75)
        raise Failure(
            f"recipes for {task} have no {name!r}" + (f": it is a line of {others[0]}" if others else ""),
            f"did you mean {near[0]}?" if near and not others else f"lines of {task}: {', '.join(own)}",
        )
    value = _value(text, str(fields[section][name].type))
    part = record.setdefault(section, {})
    part[name] = value
    if name in ("epochs", "iterations"):  # one replaces the other
        part.pop("iterations" if name == "epochs" else "epochs", None)
        steps = part.get("steps") if part.get("schedule") == "step" and isinstance(value, int) else None
        if steps and max(steps) >= value:
            raise Failure(
                f"{name} = {value} ends before the rate's last step, at {max(steps)}",
                "set steps too, such as --set steps=[20,30], or shorten the run with --steps or --budget",
            )


def _value(text: str, kind: str) -> Any:
    """What a command line gives for a line of a kind: TOML, but words need no quotation marks and lists no
    brackets."""
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        value = text
    if "tuple" in kind and isinstance(value, str) and "," in value:
        return [_value(part.strip(), "") for part in value.split(",")]
    alone = kind.startswith("tuple") and "|" not in kind and not isinstance(value, list)
    return [value] if alone else value


def _said(error: BaseException, kind: type | None) -> str:
    """What is wrong with a line, in the words of who found it."""
    return str(error.args[0]) if error.args else type(error).__name__
