"""What changed from one space to another, as a value: not lines of text, but settings, options, rules and sizes.

Dimensions are compared by the options that networks take in a stage, once all rules are applied; so a rule that
removes an option shows at the dimension that lost it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import attrs
from attrs import frozen

from spacelang.architecture import Frame
from spacelang.expression import Number
from spacelang.infix import show
from spacelang.language.measures import TIMES
from spacelang.lower.chain import Window
from spacelang.lower.cost import MEASURES
from spacelang.lower.lowered import Lowered, lower
from spacelang.lower.subset import new, taken
from spacelang.recipe import Bound, Evolve, Refine, Train
from spacelang.space import Derived, Dimension, Option, Requirement, Space, dimensions

Change = Literal["same", "wider", "narrower", "moved", "incomparable"]
RecipeName = Literal["train", "evolve", "refine"]
SettingValue = int | str | bool | tuple[str, ...] | None  # None: a measure that is not declared


@frozen
class SettingDifference:
    """A setting of the whole space that became another."""

    name: str
    before: SettingValue
    after: SettingValue


@frozen
class Options:
    """A dimension of a stage (from 1) whose options changed, or what they follow from did.

    moved: all options went up, or down, by the same amount. formulas: what it is derived from, before and after;
    None where it is not derived.
    """

    stage: int
    dimension: str
    change: Change
    before: tuple[Option, ...]
    after: tuple[Option, ...]
    formulas: tuple[str | None, str | None]


@frozen
class Rules:
    """Requires that only one of the two spaces has, as text of the language."""

    gone: tuple[str, ...]
    come: tuple[str, ...]


@frozen
class RecipeLine:
    """A line of a recipe that became another. None: there was no such bound, or there is none any more."""

    recipe: RecipeName
    name: str
    before: Number | str | None
    after: Number | str | None


@frozen
class CostRange:
    """The least and the most that a network costs, before and after."""

    measure: str
    before: Window
    after: Window


@frozen
class Difference:
    """All that changed from one space to another.

    change: of the set of networks; `wider` says that every network of the first is one of the second.
    stages, count: before and after.
    """

    names: tuple[str, str]
    change: Change
    settings: tuple[SettingDifference, ...]
    stages: tuple[int, int]
    options: tuple[Options, ...]
    rules: Rules
    lines: tuple[RecipeLine, ...]
    count: tuple[int, int]
    ranges: tuple[CostRange, ...]


def diff(before: Space, after: Space) -> Difference:
    """What changed from one checked space to another."""
    one, other = lower(before), lower(after)
    gone, come = _rules(before), _rules(after)
    return Difference(
        names=(before.name, after.name),
        change=_networks(one, other),
        settings=(*_settings(before.frame, after.frame), *_measures(before, after)),
        stages=(len(before.stages), len(after.stages)),
        options=tuple(_options(one, other)),
        rules=Rules(tuple(r for r in gone if r not in come), tuple(r for r in come if r not in gone)),
        lines=(
            *_lines("train", before.train, after.train),
            *_lines("evolve", before.evolve, after.evolve),
            *_lines("refine", before.refine, after.refine),
        ),
        count=(one.count, other.count),
        ranges=tuple(CostRange(measure, one.range(measure), other.range(measure)) for measure in MEASURES),
    )


def _networks(one: Lowered, other: Lowered) -> Change:
    """How the sets of networks compare, exactly."""
    left, right = (one.space.frame, one.legal), (other.space.frame, other.legal)
    return _verdict(not new(left, right), not new(right, left))


def _verdict(kept: bool, known: bool) -> Change:
    """kept: everything before is there after; known: everything after was there before."""
    match kept, known:
        case True, True:
            return "same"
        case True, False:
            return "wider"
        case False, True:
            return "narrower"
        case _:
            return "incomparable"


def change(before: tuple[Option, ...], after: tuple[Option, ...]) -> Change:
    """How two sets of options compare, each in ascending order."""
    verdict = _verdict(set(before) <= set(after), set(after) <= set(before))
    if verdict == "incomparable" and len(before) == len(after):
        steps = {
            b - a if not isinstance(a, str) and not isinstance(b, str) else None
            for a, b in zip(before, after, strict=True)
        }
        return "moved" if len(steps) == 1 and None not in steps else verdict
    return verdict


def _settings(before: Frame, after: Frame) -> Iterator[SettingDifference]:
    for field in attrs.fields(Frame):
        old, fresh = getattr(before, field.name), getattr(after, field.name)
        if old != fresh:
            yield SettingDifference(field.name, old, fresh)


def _measures(before: Space, after: Space) -> Iterator[SettingDifference]:
    """Measures of one's own that are declared in one of two spaces, or in another unit."""
    old, fresh = ({one.name: one.unit for one in space.measures} for space in (before, after))
    for name in sorted(old.keys() | fresh.keys()):
        if old.get(name) != fresh.get(name):
            yield SettingDifference(f"measure {name}", old.get(name), fresh.get(name))


def _options(one: Lowered, other: Lowered) -> Iterator[Options]:
    pairs = zip(one.space.stages, other.space.stages, one.legal.stages, other.legal.stages, strict=False)
    for number, (stage, later, cells, now) in enumerate(pairs, 1):
        for (name, old), (_, fresh) in zip(dimensions(stage), dimensions(later), strict=True):
            values, fresh_values = taken(cells, name), taken(now, name)
            verdict = change(values, fresh_values)
            formulas = _formula(old), _formula(fresh)
            if verdict != "same" or formulas[0] != formulas[1]:
                yield Options(number, name, verdict, values, fresh_values, formulas)


def _formula(dimension: Dimension) -> str | None:
    return show(dimension.expression) if isinstance(dimension, Derived) else None


def _rules(space: Space) -> list[str]:
    return [_rule(require) for require in space.requires]


def _rule(require: Requirement) -> str:
    each = "" if require.level == "network" else f"each {require.level}: "
    text = f"require {each}{show(require.expression)}"
    return text if require.stage is None else f"stage {require.stage} {{ {text} }}"


def _lines(
    name: RecipeName, before: Train | Evolve | Refine, after: Train | Evolve | Refine
) -> Iterator[RecipeLine]:
    old, fresh = _flat(before), _flat(after)
    for key in dict.fromkeys([*old, *fresh]):
        if old.get(key) != fresh.get(key):
            yield RecipeLine(name, key, old.get(key), fresh.get(key))


def _ends(bound: Bound) -> Iterator[tuple[str, Number | str | None]]:
    """Both ends of a bound, those of a time with their units."""
    for end, limit in (("at least", bound.low), ("at most", bound.high)):
        yield end, bound.shown(limit) if limit is not None and bound.measure in TIMES else limit


def _flat(recipe: Train | Evolve | Refine) -> dict[str, Number | str | None]:
    """A recipe by line: the parts of a line under `line part`, a bound under its measure."""
    lines: dict[str, Number | str | None] = {}
    for field in attrs.fields(type(recipe)):
        value = getattr(recipe, field.name)
        if attrs.has(type(value)):
            lines |= {f"{field.name} {part.name}": getattr(value, part.name) for part in attrs.fields(type(value))}
        elif field.name == "bounds":
            for bound in value:
                lines |= {f"{bound.measure} {end}": limit for end, limit in _ends(bound)}
        else:
            lines[field.name] = value
    return lines
