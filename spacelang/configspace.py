"""A space in ConfigSpace's JSON: its searched dimensions as hyperparameters, one for each layer that may exist.

Comes in: a lowered space. Goes out: plain JSON values. A layer's hyperparameters are active where the stage is
deep enough. What the rules forbid becomes clauses over as few hyperparameters as say it; a configuration that
meets them all is one network, and each network is one configuration. Bounds on the whole network have no place
there. Format: https://automl.github.io/ConfigSpace (format version 0.4).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations, product
from math import prod
from typing import Any

from spacelang.lower.legal import Cell
from spacelang.lower.lowered import Lowered
from spacelang.lower.subset import taken
from spacelang.space import LAYER_DIMENSIONS, STAGE_DIMENSIONS, Option, Searched

MOST_COMBINATIONS = 100_000  # of the values that a rule may speak of together
MOST_CLAUSES = 5_000

Clause = frozenset[tuple[str, Option]]


class NotExpressible(ValueError):
    """Why a space cannot be said in ConfigSpace's terms."""


def to_configspace(space: Lowered) -> dict[str, Any]:
    """The space as ConfigSpace reads it. Raises `NotExpressible`."""
    parameters: list[dict[str, Any]] = []
    conditions: list[dict[str, Any]] = []
    clauses: dict[Clause, None] = {}
    smallest = space.smallest.stages
    for number, cells in enumerate(space.legal.stages, 1):
        own = {name: taken(cells, name) for name in STAGE_DIMENSIONS}
        usual = {"depth": len(smallest[number - 1].layers), "embed": smallest[number - 1].embed}
        parameters += [_parameter(f"stage{number}.{name}", own[name], usual[name]) for name in own]
        genes = _genes(space, number)
        layer = smallest[number - 1].layers[0]
        rules = list(_layer_rules(number, cells, genes))
        depths = sorted({cell.depth for cell in cells})
        for place in range(1, depths[-1] + 1):
            names = {name: f"stage{number}.layer{place}.{name}" for name in genes}
            parameters += [_parameter(names[name], genes[name], getattr(layer, name)) for name in genes]
            deep = [depth for depth in depths if depth >= place]
            if deep != depths:
                conditions += [
                    {"type": "IN", "child": child, "parent": f"stage{number}.depth", "values": deep}
                    for child in names.values()
                ]
            for rule in rules:
                clauses[frozenset((names.get(name, name), value) for name, value in rule)] = None
    for rule in _stage_rules(space):
        clauses[rule] = None
    if len(clauses) > MOST_CLAUSES:
        raise NotExpressible(f"its rules come to {len(clauses)} forbidden clauses, and {MOST_CLAUSES} are the most")
    return {
        "name": space.space.name,
        "hyperparameters": parameters,
        "conditions": conditions,
        "forbiddens": [_forbidden(clause) for clause in clauses],
        "format_version": 0.4,
    }


def _genes(space: Lowered, number: int) -> dict[str, tuple[Option, ...]]:
    """The searched dimensions of a stage's layers with their options; what is derived follows from these."""
    stage = space.space.stages[number - 1]
    searched = [name for name in LAYER_DIMENSIONS if isinstance(getattr(stage, name), Searched)]
    return {name: taken(space.legal.stages[number - 1], name) for name in searched}


def _parameter(name: str, options: Sequence[Option], usual: Option) -> dict[str, Any]:
    values = [_value(option) for option in options]
    if len(values) == 1:
        return {"type": "constant", "name": name, "value": values[0], "meta": None}
    return {"type": "ordinal", "name": name, "sequence": values, "default_value": _value(usual), "meta": None}


def _value(option: Option) -> int | float | str:
    """An option as JSON has it: a fraction as a number where that is exact, else as text."""
    if isinstance(option, str | int):
        return option
    inexact = option.denominator & (option.denominator - 1)
    return str(option) if inexact else float(option)


def _layer_rules(number: int, cells: Sequence[Cell], genes: Mapping[str, tuple[Option, ...]]) -> Iterator[Clause]:
    """What a layer of a stage cannot be, in the layer's own names and the stage's full ones."""
    stage = [f"stage{number}.{name}" for name in STAGE_DIMENSIONS]
    legal = {
        (cell.depth, cell.embed, *(getattr(layer, name) for name in genes))
        for cell in cells
        for layer in cell.options
    }
    yield from _never([*stage, *genes], legal)


def _stage_rules(space: Lowered) -> Iterator[Clause]:
    """Which depths and widths of a stage, and of two neighbours, cannot stand together."""
    stages = space.legal.stages
    names = [[f"stage{number}.{name}" for name in STAGE_DIMENSIONS] for number in range(1, len(stages) + 1)]
    for number, cells in enumerate(stages):
        yield from _never(names[number], {(cell.depth, cell.embed) for cell in cells})
    for number, links in enumerate(space.legal.links):
        left, right = stages[number], stages[number + 1]
        legal = {(left[i].depth, left[i].embed, right[j].depth, right[j].embed) for i, j in links}
        yield from _never([*names[number], *names[number + 1]], legal)


def _never(names: Sequence[str], legal: Iterable[tuple[Option, ...]]) -> Iterator[Clause]:
    """The smallest combinations of values that no legal row has; a row without any of them is legal."""
    rows = set(legal)
    values = [sorted({row[at] for row in rows}, key=str) for at in range(len(names))]
    varied = [at for at in range(len(names)) if len(values[at]) > 1]
    size = prod(len(values[at]) for at in varied)
    if size > MOST_COMBINATIONS:
        spoken = ", ".join(names[at] for at in varied)
        raise NotExpressible(f"{spoken} have {size} combinations, and {MOST_COMBINATIONS} are the most")
    found: dict[tuple[int, ...], set[tuple[Option, ...]]] = {}
    for count in range(2, len(varied) + 1):
        for axes in combinations(varied, count):
            seen = {tuple(row[at] for at in axes) for row in rows}
            if len(seen) == prod(len(values[at]) for at in axes):
                continue
            smaller = [
                (known, [axes.index(at) for at in inner])
                for inner, known in found.items()
                if set(inner) < set(axes)
            ]
            fresh = {
                row
                for row in product(*(values[at] for at in axes))
                if row not in seen and not any(tuple(row[i] for i in at) in known for known, at in smaller)
            }
            found[axes] = fresh
            for row in sorted(fresh, key=str):
                yield frozenset((names[at], value) for at, value in zip(axes, row, strict=True))


def _forbidden(clause: Clause) -> dict[str, Any]:
    parts = [{"type": "EQUALS", "name": name, "value": _value(value)} for name, value in sorted(clause, key=str)]
    return {"type": "AND", "clauses": parts}
