"""Lines of a recipe replaced for one run, written as on the command line: `NAME=VALUE`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spacelang.check.outline import Outline
from spacelang.check.recipes import evolve_recipe, train_recipe
from spacelang.diagnostics import Diagnostic, errors
from spacelang.recipe import Evolve, Train
from spacelang.source import Source, Span
from spacelang.syntax import parse, tree


class NotASetting(ValueError):
    """What is wrong with the settings given, in one message."""


def settings(texts: Sequence[str]) -> dict[str, str]:
    """The names and values of texts such as `batch=256`. Raises `NotASetting`."""
    found: dict[str, str] = {}
    for text in texts:
        name, equal, value = text.partition("=")
        if not equal:
            raise NotASetting(f"{text!r} is no setting: write NAME=VALUE, such as batch=256")
        found[name.strip()] = value.strip()
    return found


def train_with(recipe: Train, changes: Mapping[str, str]) -> Train:
    """A training recipe with some of its lines replaced. Raises `NotASetting` with all that is wrong."""
    found: list[Diagnostic] = []
    changed = train_recipe(Outline(recipes={"train": _block("train", changes, found)}), found, recipe)
    _refuse(found)
    return changed


def evolve_with(recipe: Evolve, changes: Mapping[str, str]) -> Evolve:
    """A search recipe with some of its lines replaced. Raises `NotASetting` with all that is wrong."""
    found: list[Diagnostic] = []
    changed = evolve_recipe(Outline(recipes={"evolve": _block("evolve", changes, found)}), found, recipe)
    _refuse(found)
    return changed


def _block(name: str, changes: Mapping[str, str], found: list[Diagnostic]) -> tree.Block:
    text = "\n".join(f"{name} = {value}" for name, value in changes.items())
    parsed = parse(Source("--set", text))
    found += parsed.diagnostics
    return tree.Block(tree.Word(name, Span(0, 0)), False, None, parsed.file.statements, Span(0, 0))


def _refuse(found: Sequence[Diagnostic]) -> None:
    wrong = errors(found)
    if wrong:
        raise NotASetting("; ".join(d.message + (f" ({d.help})" if d.help else "") for d in wrong))
