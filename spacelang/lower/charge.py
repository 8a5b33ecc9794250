"""Totals as costs: what each cell and each layer of a space adds to a sum or a count.

Comes in: a space and its cells, before any total has taken something from them. Goes out: for each total that a
rule limits or a recipe bounds, whole numbers for every cell and every option, and the window that their sum keeps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cache
from math import ceil, floor, lcm

from attrs import evolve, frozen

from spacelang.architecture import Layer
from spacelang.evaluation import UndefinedValue, evaluate
from spacelang.expression import Expression, Number, Total, mentions, totals
from spacelang.infix import show
from spacelang.language.dimensions import LAYER_DIMENSIONS
from spacelang.lower.cells import Charge, LegalCell
from spacelang.lower.chain import EVERY, Window
from spacelang.lower.form import Limited, limited
from spacelang.lower.layers import Unbuildable, constants, derivation_order, numbers, options
from spacelang.lower.too_many import TooMany
from spacelang.space import Derived, Requirement, Space

MOST = 2**61  # of what a total comes to in whole numbers: the arithmetic of chains has words of 64 bits

LayerNumbers = Callable[[int, int, Layer], dict[str, Number]]  # of a layer, by the depth and the embed of its stage


@frozen
class _Wanted:
    """A total that is asked for: a sum of terms, less `rest` where that differs from cell to cell."""

    name: str
    stage: int | None
    terms: tuple[tuple[Total, Number], ...]
    low: Number | None
    high: Number | None
    strict: bool = False
    rest: Expression | None = None


def charges(
    space: Space, stages: Sequence[tuple[LegalCell, ...]], problems: list[Unbuildable]
) -> tuple[Charge, ...]:
    """All totals of a space: those of its rules, and those that its recipes bound. Raises `TooMany` where one comes
    to more than the arithmetic holds."""
    totals: dict[tuple[str, int | None], Charge] = {}
    try:
        for wanted in _wanted(space):
            one = _charge(space, stages, wanted)
            if _most(one, stages) > MOST:
                raise TooMany
            key = one.name, one.stage
            totals[key] = _both(totals[key], one) if key in totals else one
    except _Undefined as error:
        problems.append(error.problem)
        return ()
    return tuple(totals.values())


def _wanted(space: Space) -> Iterator[_Wanted]:
    names = constants(space.frame)
    for rule in space.requires:
        if totals(rule.expression):
            for one in limited(rule.expression, names):
                yield from _limits(space, rule, one)
    for bound in space.bounds:
        if isinstance(bound.total, Total):
            stages = range(len(space.stages)) if bound.of_each_stage else (None,)
            for stage in stages:
                yield _Wanted(_name(show(bound.total), stage), stage, ((bound.total, 1),), None, None)


def _limits(space: Space, rule: Requirement, one: Limited) -> Iterator[_Wanted]:
    """What a limit asks of each stage that it speaks of, or of the network."""
    stages: Sequence[int | None] = (None,)
    if rule.level == "stage":
        stages = range(len(space.stages)) if rule.stage is None else (rule.stage - 1,)
    names, varies = constants(space.frame), False
    try:
        value = evaluate(one.rest, names)
    except KeyError:
        varies, value = True, 0
    assert not isinstance(value, bool), "the kinds were checked"
    for stage in stages:
        name = one.name if one.terms else "0"
        if varies:
            name = f"{name} against {show(one.rest)}"
        low = value if one.relation in (">", ">=", "==") else None
        high = value if one.relation in ("<", "<=", "==") else None
        strict = one.relation in ("<", ">")
        yield _Wanted(_name(name, stage), stage, one.terms, low, high, strict, one.rest if varies else None)


def _name(total: str, stage: int | None) -> str:
    """The measure of a total, of the network or of a stage (from 0)."""
    return total if stage is None else f"stage {stage + 1}: {total}"


class _Undefined(Exception):
    def __init__(self, problem: Unbuildable) -> None:
        super().__init__(problem.reason)
        self.problem = problem


def _charge(space: Space, stages: Sequence[tuple[LegalCell, ...]], wanted: _Wanted) -> Charge:
    layered = [(total, times) for total, times in wanted.terms if _of_layers(total)]
    staged = [(total, times) for total, times in wanted.terms if not _of_layers(total)]
    cells: list[list[Number]] = []
    layers: list[list[list[Number]]] = []
    for t, stage_cells in enumerate(stages):
        asked = wanted.stage in (None, t)
        numbers = _numbers(space, t)

        @cache
        def of_a_layer(depth: int, embed: int, layer: Layer, numbers: LayerNumbers = numbers, t: int = t) -> Number:
            return _sum(layered, numbers(depth, embed, layer), t)

        head_dim = space.stages[t].head_dim
        knows = any(mentions(total.argument, "depth") for total, _ in layered)
        knows = knows or (isinstance(head_dim, Derived) and mentions(head_dim.expression, "depth"))

        cells.append([])
        layers.append([])
        for cell in stage_cells:
            own: Number = 0
            if asked and (staged or wanted.rest is not None):
                names = numbers(cell.depth, cell.embed, cell.options[0])
                own = _sum(staged, names, t)
                if wanted.rest is not None:
                    own -= _value(wanted.rest, names, t)
            cells[-1].append(own)
            layers[-1].append(
                [of_a_layer(cell.depth if knows else 1, cell.embed, layer) for layer in cell.options]
                if asked and layered
                else [0] * len(cell.options)
            )
    return _scaled(wanted, cells, layers)


def _scaled(wanted: _Wanted, cells: list[list[Number]], layers: list[list[list[Number]]]) -> Charge:
    every = [value for row in cells for value in row] + [v for stage in layers for row in stage for v in row]
    scale = lcm(*(Fraction(value).denominator for value in every)) if every else 1

    def end(value: Number | None, side: int) -> int:
        if value is None:
            return EVERY.hi if side > 0 else EVERY.lo
        exact = Fraction(value) * scale
        if wanted.strict:
            return ceil(exact) - 1 if side > 0 else floor(exact) + 1
        return floor(exact) if side > 0 else ceil(exact)

    return Charge(
        wanted.name,
        wanted.stage,
        scale,
        Window(end(wanted.low, -1), end(wanted.high, 1)),
        tuple(tuple(int(value * scale) for value in row) for row in cells),
        tuple(tuple(tuple(int(value * scale) for value in row) for row in stage) for stage in layers),
    )


def _most(charge: Charge, stages: Sequence[tuple[LegalCell, ...]]) -> int:
    """No network comes to more, be it above or below 0."""
    spent = [
        [abs(own) + cell.depth * max(map(abs, layers)) for cell, own, layers in zip(*rows, strict=True)]
        for rows in zip(stages, charge.cells, charge.layers, strict=True)
    ]
    return sum(max(row, default=0) for row in spent)


def _both(one: Charge, other: Charge) -> Charge:
    """One total under two windows."""
    window = Window(max(one.window.lo, other.window.lo), min(one.window.hi, other.window.hi))
    return evolve(one, window=window)


def _of_layers(total: Total) -> bool:
    """Whether a total goes over layers: where it names what belongs to a layer. Else it goes over stages."""
    return any(mentions(total.argument, name) for name in LAYER_DIMENSIONS)


def _numbers(space: Space, t: int) -> LayerNumbers:
    """All numbers of a layer of a stage (from 0), as expressions see them."""
    stage, side = space.stages[t], space.frame.side(t)
    order = derivation_order(stage)

    def names(depth: int, embed: int, layer: Layer) -> dict[str, Number]:
        known: dict[str, Number] = {**constants(space.frame), "depth": depth, "embed": embed}
        known |= numbers(layer, side)
        if "head_dim" in order:
            (width,) = options(stage.head_dim, known)
            assert not isinstance(width, str)
            known["head_dim"] = width
        return known

    return names


def _sum(terms: Sequence[tuple[Total, Number]], names: Mapping[str, Number], t: int) -> Number:
    return sum((times * _value(total.argument, names, t) for total, times in terms), start=0)


def _value(expression: Expression, names: Mapping[str, Number], t: int) -> Number:
    try:
        return int(value) if isinstance(value := evaluate(expression, names), bool) else value
    except UndefinedValue as error:
        raise _Undefined(Unbuildable(t + 1, "require", names, str(error), error.at.span)) from None
