"""Lines of a recipe replaced for one run, written as on the command line: `NAME=VALUE`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from spacelang.check.outline import Outline
from spacelang.check.recipes import evolve_recipe, refine_recipe, train_recipe
from spacelang.diagnostics import Diagnostic, errors
from spacelang.recipe import Evolve, Refine, Train
from spacelang.source import Source, Span
from spacelang.syntax import parse, tree

Warn = Callable[[str], None]
Recipe = TypeVar("Recipe", Train, Evolve, Refine)


class NotASetting(ValueError):
    """What is wrong with the settings given, in one message."""


def settings(texts: Sequence[str]) -> dict[str, str]:
    """The names and values of texts such as `batch=256`. Raises `NotASetting` in the words of the command line:
    what the language would say of the same mistakes speaks of lines and statements."""
    found: dict[str, str] = {}
    for text in texts:
        name, equal, value = (part.strip() for part in text.partition("="))
        if not equal or not value or not re.fullmatch(r"[A-Za-z]\w*", name):
            raise NotASetting(f"{text!r} is no setting: write NAME=VALUE, such as batch=256")
        if re.search(r"[=\n;]", value):
            raise NotASetting(f"{text!r} holds more than one setting: give --set for each of them")
        if re.search(r"[{}\[\]]|\.\.", value):
            raise NotASetting(f"a run takes one value and searches none: write {name}=VALUE, not {text!r}")
        if "#" in value:
            raise NotASetting(f"{text!r}: a value has no comment")
        if name in found and found[name] != value:
            raise NotASetting(f"{name} is given twice, as {found[name]} and as {value}")
        found[name] = value
    return found


def train_with(recipe: Train, changes: Mapping[str, str], warn: Warn = lambda _: None) -> Train:
    """A training recipe with some of its lines replaced. Raises `NotASetting` with all that is wrong; what is only
    doubtful goes to `warn`."""
    return _with("train", train_recipe, recipe, changes, warn)


def evolve_with(recipe: Evolve, changes: Mapping[str, str], warn: Warn = lambda _: None) -> Evolve:
    """A search recipe with some of its lines replaced, as `train_with` does it."""
    return _with("evolve", evolve_recipe, recipe, changes, warn)


def refine_with(recipe: Refine, changes: Mapping[str, str], warn: Warn = lambda _: None) -> Refine:
    """A refinement recipe with some of its lines replaced, as `train_with` does it."""
    return _with("refine", refine_recipe, recipe, changes, warn)


def _with(
    word: str,
    read: Callable[[Outline, list[Diagnostic], Recipe], Recipe],
    recipe: Recipe,
    changes: Mapping[str, str],
    warn: Warn,
) -> Recipe:
    found: list[Diagnostic] = []
    changed = read(Outline(recipes={word: _block(word, changes)}), found, recipe)
    _judge(found, warn)
    return changed


def _block(name: str, changes: Mapping[str, str]) -> tree.Block:
    lines = tuple(line for change in changes.items() for line in _setting(*change))
    return tree.Block(tree.Identifier(name, Span(0, 0)), False, None, lines, Span(0, 0))


def _setting(name: str, value: str) -> tuple[tree.Statement, ...]:
    """The setting that a name and a value make. Raises `NotASetting` for one that cannot be read."""
    before = f"{name} = "
    parsed = parse(Source("--set", before + value))
    for wrong in parsed.diagnostics:
        if wrong.help and wrong.help.startswith("write `") and wrong.label.span.start >= len(before):
            raise NotASetting(f"{name}: {_said(wrong)}")
    if parsed.diagnostics or len(parsed.file.statements) != 1:
        raise NotASetting(f"{name}: {value!r} is no value: write one number, one word or one sum")
    return parsed.file.statements


def _judge(found: Sequence[Diagnostic], warn: Warn) -> None:
    wrong = errors(found)
    if wrong:
        raise NotASetting("; ".join(map(_said, wrong)))
    for doubtful in found:
        warn(_said(doubtful))


def _said(finding: Diagnostic) -> str:
    return finding.message + (f" ({finding.help})" if finding.help else "")
