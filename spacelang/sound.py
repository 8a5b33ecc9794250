"""Whether a space that came as JSON is one that a text could describe: every number in the range that the language
gives it, every dimension with options that it may have, every name one that means something."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import Any

import attrs

from spacelang.architecture import LARGEST_IMAGE, MOST_STAGES, Frame
from spacelang.expression import Expression, Name, Previous, walk
from spacelang.language.dimensions import LAYER_NAMES, NUMBERS, STAGE_DIMENSIONS, domain
from spacelang.language.domain import LARGEST, MOST_OPTIONS
from spacelang.language.measures import KNOWN
from spacelang.names import Kind, undefined
from spacelang.outside import shown
from spacelang.recipe import Bound, Mutate, Sandwich, Steps
from spacelang.space import Derived, Dimension, Option, Requirement, Searched, Settled, Space, StageSpace

MOST = LARGEST**2  # of any number of a space, or of a recipe
_FRAME = ("image", "patch", "channels", "classes")
_DEEPEST_EXPRESSION = 200
_LONGEST_NAME = 100
_HOLD = (*_FRAME, *LAYER_NAMES)  # the names that hold where one stage or layer is spoken of


class NotSound(ValueError):
    """What is wrong with a space, in one line."""


def verify(space: Space) -> None:
    """Make sure that a space is one that a text could describe; raises `NotSound` with the key that cannot be."""
    _frame(space.frame)
    if not 1 <= len(space.stages) <= MOST_STAGES:
        raise NotSound(f"'stages': a space has 1 to {MOST_STAGES}, and here are {len(space.stages)}")
    if space.frame.token == "class" and len(space.stages) > 1:
        raise NotSound("'token': a class token needs a space of one stage")
    for number, stage in enumerate(space.stages, 1):
        for name in NUMBERS:
            _dimension(f"stage {number}, {name!r}", name, getattr(stage, name))
        _acyclic(number, stage)
    for measure in space.measures:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", measure.name) or measure.name in KNOWN:
            raise NotSound(f"'measures': {shown(measure.name)} is no name of a measure of one's own")
        if not re.fullmatch(r"([A-Za-z_][A-Za-z0-9_]*)?", measure.unit):
            raise NotSound(f"'measures': {shown(measure.unit)} is no unit")
    names = [measure.name for measure in space.measures]
    if names != sorted(set(names)):
        raise NotSound("'measures': their names do not rise")
    for require in space.requires:
        if require.stage is not None and not 1 <= require.stage <= len(space.stages):
            raise NotSound(f"'requires': there is no stage {shown(require.stage)}")
        _require(require)
    for recipe in (space.train, space.evolve, space.refine):
        _recipe(type(recipe).__name__.lower(), recipe)


def _frame(frame: Frame) -> None:
    for name in _FRAME:
        most = LARGEST_IMAGE if name == "image" else LARGEST
        if not 1 <= getattr(frame, name) <= most:
            raise NotSound(f"{name!r} is {shown(getattr(frame, name))}, and must be from 1 to {most}")
    if frame.image % frame.patch:
        raise NotSound(f"'patch': {frame.patch} does not divide the image, {frame.image}")
    if frame.pool == "token" and frame.token == "none":
        raise NotSound("'pool': there is no token")


def _dimension(where: str, name: str, dimension: Dimension) -> None:
    match dimension:
        case Settled(value):
            _option(where, name, value)
        case Searched(options):
            if not 1 <= len(options) <= MOST_OPTIONS:
                raise NotSound(f"{where}: a dimension has 1 to {MOST_OPTIONS} options, and here are {len(options)}")
            for option in options:
                _option(where, name, option)
            numbers = [option for option in options if not isinstance(option, str)]
            rising = all(one < other for one, other in pairwise(numbers))
            if not rising or "global" in options[:-1]:
                raise NotSound(f"{where}: its options do not rise")
        case Derived(expression):
            _expression(where, expression)
            others = [other for other in _HOLD if other != name]
            _defined(where, expression, "number", others, LAYER_NAMES if name in STAGE_DIMENSIONS else ())


def _acyclic(number: int, stage: StageSpace) -> None:
    """Make sure that no dimension of a stage follows from itself."""
    derived = {name: one for name in NUMBERS if isinstance(one := getattr(stage, name), Derived)}
    needs = {
        name: {part.name for part in walk(one.expression) if isinstance(part, Name) and part.name in derived}
        for name, one in derived.items()
    }
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        raise NotSound(f"stage {number}, {error.args[1][0]!r}: it follows from itself") from None


def _require(require: Requirement) -> None:
    _expression("'requires'", require.expression)
    match require.level:
        case "network":
            _defined("'requires'", require.expression, "truth", _FRAME, summed=_HOLD)
        case "stage":
            _defined("'requires'", require.expression, "truth", _HOLD, LAYER_NAMES, _HOLD)
        case "layer":
            _defined("'requires'", require.expression, "truth", _HOLD)


def _defined(
    where: str,
    expression: Expression,
    kind: Kind,
    names: Sequence[str],
    previous: Sequence[str] = (),
    summed: Sequence[str] = (),
) -> None:
    """Make sure that an expression has a value of a kind, by the names that hold there (`names.undefined`)."""
    if wrong := undefined(expression, names, kind, previous, summed):
        raise NotSound(f"{where}: {wrong.message}")


def _option(where: str, name: str, value: Option) -> None:
    if value == "global":
        if domain(name).word is None:
            raise NotSound(f"{where} is global, and only a window may be")
        return
    number = Fraction(value)
    if number not in domain(name):
        raise NotSound(f"{where} is {shown(str(value))}, and must be {domain(name)}")


def _expression(where: str, expression: Expression) -> None:
    for part, depth in _parts(expression):
        if depth > _DEEPEST_EXPRESSION:
            raise NotSound(f"{where}: an expression is nested too deeply")
        if isinstance(part, Name | Previous) and not (part.name.isidentifier() and len(part.name) <= _LONGEST_NAME):
            raise NotSound(f"{where}: {shown(part.name)} is no name")
        if isinstance(part, int | Fraction) and not -MOST <= part <= MOST:
            raise NotSound(f"{where}: a number is beyond {MOST}")


def _parts(value: Any, depth: int = 0) -> Iterator[tuple[Any, int]]:
    """An expression with all that it is made of, and how deep that is in it; not deeper than one may be."""
    yield value, depth
    if depth > _DEEPEST_EXPRESSION:
        return
    inner = value if isinstance(value, tuple) else ()
    if attrs.has(type(value)):
        inner = tuple(getattr(value, field.name) for field in attrs.fields(type(value)) if field.name != "span")
    for part in inner:
        yield from _parts(part, depth + 1)


def _recipe(where: str, recipe: Any) -> None:
    for field in attrs.fields(type(recipe)):
        value = getattr(recipe, field.name)
        key = f"{where}: {field.name!r}"
        if field.name == "bounds":
            for bound in value:
                if where == "train" and bound.of_a_table:
                    raise NotSound(f"{key}: a training has no table of {shown(bound.measure)}")
                _bound(key, bound)
        elif isinstance(value, Sandwich | Mutate | Steps):
            _recipe(key, value)
        elif isinstance(value, int | Fraction) and not isinstance(value, bool) and not 0 <= value <= MOST:
            raise NotSound(f"{key} is {shown(str(value))}, and must be from 0 to {MOST}")


def _bound(where: str, bound: Bound) -> None:
    if bound.total is None:
        return
    _expression(where, bound.total)
    _defined(where, bound.total, "number", (), summed=_HOLD)
    if any(end is not None and not -MOST <= end <= MOST for end in (bound.low, bound.high)):
        raise NotSound(f"{where}: a number is beyond {MOST}")
