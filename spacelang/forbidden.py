"""Totals as forbidden clauses: the smallest combinations of values by which a sum leaves its window.

A total adds up over hyperparameters: over what stages have, and over what each layer that exists has. Where it may
be too large, a clause says of some of them that each adds at least so much (`IN`), so that one clause stands for
many combinations; where it may be too small, at most so much. A clause that says more than it must is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise

from attrs import frozen

from spacelang.lower.cells import Charge, LegalCell
from spacelang.lower.lowered import Lowered
from spacelang.space import Option

ForbiddenValues = tuple[
    tuple[str, tuple[Option, ...]], ...
]  # hyperparameters, and the values of each that stand together
Said = Mapping[str, tuple[Option, ...]]  # the same by name
Row = dict[str, Option]


class TooManyCombinations(ValueError):
    """More combinations than are looked at."""


@frozen
class Increment:
    """One way of what adds to a total next: what it adds, the parts that say so, and what adds after it.

    lower: what the way before it adds, which says less and so covers this one; None where there is none.
    """

    amount: int
    parts: ForbiddenValues
    then: tuple[Item, ...] = ()
    lower: int | None = None


Item = tuple[Increment, ...]  # ascending by what they add


@frozen
class Names:
    """The hyperparameters of a stage (from 1): by cell what it has in them; the genes of its layers; and those that
    other stages share."""

    row: Callable[[int, LegalCell], Row]
    genes: Callable[[int], Sequence[str]]
    shared: frozenset[str]


def forbidden(space: Lowered, charge: Charge, names: Names, most: int) -> Iterator[ForbiddenValues]:
    """The clauses by which a total is kept in its window. Raises `TooManyCombinations` where more than `most` are
    looked at."""
    looks = iter(range(most))
    for sign, end in ((1, charge.window.hi), (-1, -charge.window.lo)):
        items = [item for t in range(len(space.legal.stages)) for item in _of_stage(space, charge, names, t, sign)]
        yield from _beyond(tuple(items), 0, end, (), {}, looks)


def _beyond(
    items: tuple[Item, ...],
    spent: int,
    end: int,
    drops: tuple[int, ...],
    said: Said,
    looks: Iterator[int],
) -> Iterator[ForbiddenValues]:
    """The clauses that hold what is said already, of what adds more than `end` in all.

    drops: by how much less each part that is said adds where it is left out or says less.
    """
    if next(looks, None) is None:
        raise TooManyCombinations
    ends = [_ends(item) for item in items]
    least = spent + sum(low for low, _ in ends)
    if least > end:
        if all(least - drop <= end for drop in drops):
            yield tuple(said.items())
        return
    if spent + sum(high for _, high in ends) <= end:
        return
    item, rest = items[0], items[1:]
    for step in item:
        if any(said.get(name, values) != values for name, values in step.parts):
            continue  # of what is chosen once, another value than before
        more = {name: values for name, values in step.parts if name not in said}
        drop = () if step.lower is None else (step.amount - step.lower,)
        yield from _beyond((*step.then, *rest), spent + step.amount, end, (*drops, *drop), {**said, **more}, looks)


def _ends(item: Item) -> tuple[int, int]:
    """The least and the most that an item adds, with what follows from it."""
    sums = [tuple(step.amount + sum(_ends(then)[side] for then in step.then) for side in (0, 1)) for step in item]
    return min(low for low, _ in sums), max(high for _, high in sums)


def _of_stage(space: Lowered, charge: Charge, names: Names, t: int, sign: int) -> Iterator[Item]:
    """What a stage (from 0) adds to a total, with the sign."""
    cells, genes = space.legal.stages[t], list(names.genes(t + 1))
    rows = [names.row(t + 1, cell) for cell in cells]
    own = [sign * value for value in charge.cells[t]]
    layers = [
        [
            (tuple(getattr(layer, name) for name in genes), sign * value)
            for layer, value in zip(cell.options, values, strict=True)
        ]
        for cell, values in zip(cells, charge.layers[t], strict=True)
    ]
    layered = any(value for options in layers for _, value in options)
    if not layered and not any(own):
        return
    deep = [cell.depth if layered else 0 for cell in cells]
    # What a layer adds by its genes may differ from cell to cell: then it takes more of the stage to know it.
    by_stage = [(row, (value, depth)) for row, value, depth in zip(rows, own, deep, strict=True)]
    by_layer = [
        (row | dict(zip(genes, values, strict=True)), amount)
        for row, options in zip(rows, layers, strict=True)
        for values, amount in options
    ]
    needed = {*_enough([*rows[0]], by_stage), *_enough([*rows[0], *genes], by_layer)}
    known, own_genes = [name for name in rows[0] if name in needed], [name for name in genes if name in needed]
    amounts: dict[tuple[Option, ...], dict[tuple[Option, ...], int]] = {}
    for row, amount in by_layer:
        by_option = amounts.setdefault(tuple(row[name] for name in known), {})
        by_option[tuple(row[name] for name in own_genes)] = amount
    steps: dict[tuple[Option, ...], Increment] = {}
    for row, value, depth in zip(rows, own, deep, strict=True):
        key = tuple(row[name] for name in known)
        places = ([f"stage{t + 1}.layer{place}.{name}" for name in own_genes] for place in range(1, depth + 1))
        then = tuple(_levels(amounts[key], place) for place in places)
        steps[key] = Increment(
            value, tuple((name, (option,)) for name, option in zip(known, key, strict=True)), then
        )
    if len(known) == 1 and not layered and known[0] not in names.shared:
        yield _levels({key: step.amount for key, step in steps.items()}, known)
    else:
        yield tuple(steps.values())


def _levels(amounts: Mapping[tuple[Option, ...], int], names: Sequence[str]) -> Item:
    """What one hyperparameter adds, level by level: at least so much. Of several together, each row by itself."""
    if len(names) > 1:
        return tuple(
            Increment(amount, tuple((name, (value,)) for name, value in zip(names, row, strict=True)))
            for row, amount in amounts.items()
        )
    levels = sorted(set(amounts.values()))
    steps = [Increment(levels[0], ())]
    for before, level in pairwise(levels):
        values = tuple(row[0] for row, amount in amounts.items() if amount >= level)
        steps.append(Increment(level, ((names[0], values),), (), before))
    return tuple(steps)


def _enough(names: list[str], rows: Sequence[tuple[Mapping[str, Option], object]]) -> list[str]:
    """As few of the names as tell what each row comes to."""
    kept = names
    for name in names:
        rest = [other for other in kept if other != name]
        told: dict[tuple[Option, ...], object] = {}
        if all(told.setdefault(tuple(row[n] for n in rest), value) == value for row, value in rows):
            kept = rest
    return kept
