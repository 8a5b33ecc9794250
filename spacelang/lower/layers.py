"""The legal layers of a stage: what its rules leave of all combinations of a layer's dimensions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import inf
from operator import attrgetter
from typing import Any

from attrs import frozen

from spacelang.architecture import Frame, Layer, LayerWindow
from spacelang.evaluation import UndefinedValue, evaluate
from spacelang.expression import Number, mentions
from spacelang.language.dimensions import HEAD_DIM, LAYER_DIMENSIONS, domain
from spacelang.source import Span
from spacelang.space import (
    Derived,
    Dimension,
    Option,
    Searched,
    Settled,
    Space,
    StageSpace,
)

_VALUES = attrgetter(*LAYER_DIMENSIONS)
_WHOLE = tuple(name for name in LAYER_DIMENSIONS if domain(name).whole)


@frozen
class Unbuildable:
    """Values of the space that no require removes and that no network can have.

    stage counts from 1. dimension: the one to blame; values: by name, what held when it failed.
    """

    stage: int
    dimension: str
    values: Mapping[str, Number]
    reason: str
    span: Span | None


def constants(frame: Frame) -> dict[str, Number]:
    """The settings of a space that any expression may use."""
    return {"image": frame.image, "patch": frame.patch, "channels": frame.channels, "classes": frame.classes}


def options(
    dimension: Dimension, names: Mapping[str, Number], previous: Mapping[str, Number] | None = None
) -> tuple[Option, ...]:
    """The values of a dimension before any require, where `names` hold and the stage before has `previous`."""
    match dimension:
        case Settled(value):
            return (value,)
        case Searched(values):
            return values
        case Derived(expression):
            value = evaluate(expression, names, previous)
            assert not isinstance(value, bool), "the checker lets only numbers derive"
            return (value,)


def legal_layers(
    space: Space, number: int, stage: StageSpace, depth: int, embed: int, problems: list[Unbuildable]
) -> tuple[Layer, ...]:
    """The distinct legal layers of a stage with this depth and embed, in ascending order."""
    requires = [r.expression for r in space.requires if r.level == "layer" and r.stage in (None, number)]
    side = space.frame.side(number - 1)
    legal: set[Layer] = set()
    base = {**constants(space.frame), "depth": depth, "embed": embed}
    order = derivation_order(stage)
    searched = {name: getattr(stage, name) for name in order}
    for names, window in _combinations(base, searched, order, side, number, problems):
        if names["heads"] == 0 or names["qkv"] % names["heads"] != 0:
            continue
        try:
            if not all(evaluate(require, names) for require in requires):
                continue
        except UndefinedValue as error:
            problems.append(Unbuildable(number, "require", names, str(error), error.at.span))
            return ()
        problem = _unbuildable(stage, number, names)
        if problem:
            problems.append(problem)
            return ()
        legal.add(Layer(**{name: _value(name, names, window) for name in LAYER_DIMENSIONS}))
    return tuple(sorted(legal, key=order_of))


def _value(name: str, names: Mapping[str, Number], window: LayerWindow) -> Any:
    """The value of a dimension in the layer that has these numbers, and this window."""
    return window if name == "window" else int(names[name]) if name in _WHOLE else names[name]


def order_of(layer: Layer) -> tuple[Number | float, ...]:
    """The place of a layer in canonical order: by its dimensions as they are listed, with a global window last."""
    return tuple(inf if value == "global" else value for value in _VALUES(layer))


def numbers(layer: Layer, side: int) -> dict[str, Number]:
    """The dimensions of a layer as expressions see them on a map of this side: `global` counts as the side."""
    pairs = zip(LAYER_DIMENSIONS, _VALUES(layer), strict=True)
    return {name: side if value == "global" else value for name, value in pairs}


def derivation_order(stage: StageSpace) -> tuple[str, ...]:
    """The layer's dimensions and head_dim, each after those that it derives from.

    A cycle of derivations has no order; the checker refuses it before anything asks.
    """
    names = (HEAD_DIM.name, *LAYER_DIMENSIONS)
    placed: list[str] = []

    def place(name: str) -> None:
        if name in placed:
            return
        dimension: Dimension = getattr(stage, name)
        if isinstance(dimension, Derived):
            for part in names:
                if part != name and mentions(dimension.expression, part):
                    place(part)
        placed.append(name)

    for name in names:
        place(name)
    return tuple(placed)


def _combinations(
    base: Mapping[str, Number],
    dimensions: Mapping[str, Dimension],
    order: tuple[str, ...],
    side: int,
    number: int,
    problems: list[Unbuildable],
) -> Iterator[tuple[dict[str, Number], LayerWindow]]:
    """All values of the layer's dimensions together, windows clipped to the map."""
    partial: list[tuple[dict[str, Number], LayerWindow]] = [(dict(base), side)]
    for name in order:
        extended: list[tuple[dict[str, Number], LayerWindow]] = []
        for names, window in partial:
            try:
                values = options(dimensions[name], names)
            except UndefinedValue as error:
                problems.append(Unbuildable(number, name, names, str(error), error.at.span))
                return
            for value in values:
                if value == "global":
                    extended.append((names | {name: side}, "global"))
                elif not isinstance(value, str):
                    clipped = min(value, side) if name == "window" else value
                    extended.append((names | {name: clipped}, int(clipped) if name == "window" else window))
        partial = extended
    yield from partial


def _unbuildable(stage: StageSpace, number: int, names: Mapping[str, Number]) -> Unbuildable | None:
    for name in _WHOLE:
        if not whole(names[name]):
            return Unbuildable(number, name, names, "is not a whole number from 1", span_of(stage, name))
    if not whole(names["mlp"] * names["embed"]):
        return Unbuildable(number, "mlp", names, "does not give whole channels", span_of(stage, "mlp"))
    return None


def whole(value: Number) -> bool:
    return value.denominator == 1 and value >= 1


def span_of(stage: StageSpace, name: str) -> Span | None:
    dimension: Dimension = getattr(stage, name)
    return dimension.span
