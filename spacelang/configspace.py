"""A space in ConfigSpace's JSON: its searched dimensions as hyperparameters, one for each layer that may exist; one
for a stage, or for the network, where it is chosen once.

Comes in: a lowered space. Goes out: plain JSON values. A layer's hyperparameters are active where the stage is
deep enough. What the rules forbid becomes clauses over as few hyperparameters as say it; a configuration that
meets them all is one network, and each network is one configuration. So are totals, where they come to few enough.
Bounds of recipes have no place there. Format: https://automl.github.io/ConfigSpace (format version 0.4).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations, islice, product
from math import prod
from typing import Any

from spacelang.forbidden import Names, TooManyCombinations, forbidden
from spacelang.language.dimensions import STAGE_DIMENSIONS
from spacelang.lower.cells import LegalCell
from spacelang.lower.chain import EVERY
from spacelang.lower.lowered import Lowered
from spacelang.lower.price import own_genes
from spacelang.lower.subset import taken
from spacelang.space import Option, tied

MOST_COMBINATIONS = 100_000  # of the values that a rule may speak of together
MOST_CLAUSES = 5_000

Clause = frozenset[tuple[str, tuple[Option, ...]]]  # hyperparameters, and the values of each that stand together


class NotExpressible(ValueError):
    """Why a space cannot be said in ConfigSpace's terms."""


def to_configspace(space: Lowered) -> dict[str, Any]:
    """The space as ConfigSpace reads it. Raises `NotExpressible`."""
    parameters: list[dict[str, Any]] = []
    conditions: list[dict[str, Any]] = []
    clauses: dict[Clause, None] = {}
    network = space.smallest
    once, usual = dict(_once(space)), space.genotype(network)
    smallest = [cells[index] for cells, index in zip(space.legal.stages, usual.cells, strict=True)]
    parameters += [
        _parameter(name, options, dict(space.legal.roots[smallest[0].root])[name]) for name, options in once.items()
    ]
    for number, cells in enumerate(space.legal.stages, 1):
        own = {name: full for name, full in _names(space, number).items() if full not in once}
        parameters += [
            _parameter(full, taken(cells, name), smallest[number - 1].value(name)) for name, full in own.items()
        ]
        genes = _genes(space, number)
        layers = network.stages[number - 1].layers
        rules = list(_layer_rules(space, number, cells, genes))
        depths = sorted({cell.depth for cell in cells})
        for place in range(1, depths[-1] + 1):
            names = {name: f"stage{number}.layer{place}.{name}" for name in genes}
            layer = layers[min(place, len(layers)) - 1]
            parameters += [_parameter(names[name], genes[name], getattr(layer, name)) for name in genes]
            deep = [depth for depth in depths if depth >= place]
            if deep != depths:
                conditions += [
                    {"type": "IN", "child": child, "parent": _names(space, number)["depth"], "values": deep}
                    for child in names.values()
                ]
            for rule in rules:
                clauses[frozenset((names.get(name, name), value) for name, value in rule)] = None
    for rule in _stage_rules(space):
        clauses[rule] = None
    totals = list(_totals(space, frozenset(once)))
    clauses = dict.fromkeys([*_not_said(clauses, totals), *totals])
    if len(clauses) > MOST_CLAUSES:
        raise NotExpressible(f"its rules come to {len(clauses)} forbidden clauses, and {MOST_CLAUSES} are the most")
    return {
        "name": space.space.name,
        "hyperparameters": parameters,
        "conditions": conditions,
        "forbiddens": [_forbidden(clause) for clause in clauses],
        "format_version": 0.4,
    }


def _totals(space: Lowered, once: frozenset[str]) -> Iterator[Clause]:
    """What the totals forbid."""
    names = Names(lambda number, cell: _row(space, number, cell), lambda number: tuple(_genes(space, number)), once)
    for charge in space.legal.totals:
        if charge.window == EVERY:
            continue
        try:
            clauses = list(islice(forbidden(space, charge, names, MOST_COMBINATIONS), MOST_CLAUSES + 1))
        except TooManyCombinations:
            clauses = None
        if clauses is None or len(clauses) > MOST_CLAUSES:
            most = f"more than {MOST_CLAUSES} forbidden clauses, or {MOST_COMBINATIONS} combinations to look at"
            raise NotExpressible(f"the total `{charge.name}` comes to {most}")
        yield from map(frozenset, clauses)


def _not_said(clauses: Iterable[Clause], totals: Sequence[Clause]) -> Iterator[Clause]:
    """The clauses that follow from no clause of a total: pairs of neighbours have lost what totals forbid."""
    said: dict[str, list[Clause]] = {}
    for total in totals:
        said.setdefault(min(name for name, _ in total), []).append(total)
    for clause in clauses:
        own = dict(clause)
        if not any(
            all(name in own and set(own[name]) <= set(values) for name, values in total)
            for name in own
            for total in said.get(name, ())
        ):
            yield clause


def _once(space: Lowered) -> Iterator[tuple[str, tuple[Option, ...]]]:
    """The options of what is chosen once for the network, by dimension."""
    for at, (name, _) in enumerate(space.legal.roots[0] if space.legal.roots else ()):
        yield name, tuple(dict.fromkeys(root[at][1] for root in space.legal.roots))


def _names(space: Lowered, number: int) -> dict[str, str]:
    """What has one value in a stage, and the hyperparameter that it is: the stage's, or the network's."""
    stage = space.space.stages[number - 1]
    whole, own = tied(stage, "network"), (*STAGE_DIMENSIONS, *tied(stage, "stage"))
    names = {name: name if name in whole else f"stage{number}.{name}" for name in own}
    return names | {name: name for name in whole}


def _row(space: Lowered, number: int, cell: LegalCell) -> dict[str, Option]:
    """The values of a cell by hyperparameter; a window of the network as it was chosen."""
    names = _names(space, number)
    values = {full: cell.value(name) for name, full in names.items()}
    root = dict(space.legal.roots[cell.root]) if space.legal.roots else {}
    return values | root


def _genes(space: Lowered, number: int) -> dict[str, tuple[Option, ...]]:
    """What each layer of a stage chooses, with its options; what is derived follows from these."""
    searched = own_genes(space.space.stages[number - 1])
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


def _layer_rules(
    space: Lowered, number: int, cells: Sequence[LegalCell], genes: Mapping[str, tuple[Option, ...]]
) -> Iterator[Clause]:
    """What a layer of a stage cannot be, in the layer's own names and the full ones of what the stage has."""
    rows = [(_row(space, number, cell), cell) for cell in cells]
    legal = {(*row.values(), *(getattr(layer, n) for n in genes)) for row, cell in rows for layer in cell.options}
    yield from _never([*rows[0][0], *genes], legal)


def _stage_rules(space: Lowered) -> Iterator[Clause]:
    """Which values of a stage, and of two neighbours, cannot stand together."""
    stages = space.legal.stages
    rows = [[_row(space, number, cell) for cell in cells] for number, cells in enumerate(stages, 1)]
    for own in rows:
        yield from _never([*own[0]], {tuple(row.values()) for row in own})
    for number, links in enumerate(space.legal.links):
        left, right = rows[number], rows[number + 1]
        legal = {tuple((left[i] | right[j]).values()) for i, j in links}
        yield from _never([*(left[0] | right[0])], legal)


def _never(names: Sequence[str], legal: Iterable[tuple[Option, ...]]) -> Iterator[Clause]:
    """The smallest combinations of values that no legal row has; a row without any of them is legal."""
    rows = set(legal)
    values = [sorted({row[at] for row in rows}, key=str) for at in range(len(names))]
    varied = [at for at in range(len(names)) if len(values[at]) > 1]
    size = prod(len(values[at]) for at in varied)
    if size > MOST_COMBINATIONS:
        spoken = ", ".join(names[at] for at in varied)
        raise NotExpressible(f"{spoken} have {size} combinations, and {MOST_COMBINATIONS} are the most")
    minimal: dict[tuple[int, ...], set[tuple[Option, ...]]] = {}
    for count in range(2, len(varied) + 1):
        for axes in combinations(varied, count):
            seen = {tuple(row[at] for at in axes) for row in rows}
            if len(seen) == prod(len(values[at]) for at in axes):
                continue
            smaller = [
                (known, [axes.index(at) for at in inner])
                for inner, known in minimal.items()
                if set(inner) < set(axes)
            ]
            fresh = {
                row
                for row in product(*(values[at] for at in axes))
                if row not in seen and not any(tuple(row[i] for i in at) in known for known, at in smaller)
            }
            minimal[axes] = fresh
            for row in sorted(fresh, key=str):
                yield frozenset((names[at], (value,)) for at, value in zip(axes, row, strict=True))


def _forbidden(clause: Clause) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [
        {"type": "EQUALS", "name": name, "value": _value(values[0])}
        if len(values) == 1
        else {"type": "IN", "name": name, "values": [_value(value) for value in values]}
        for name, values in sorted(clause, key=str)
    ]
    return {"type": "AND", "clauses": parts} if len(parts) > 1 else parts[0]
