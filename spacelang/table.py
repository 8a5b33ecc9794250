"""A space as the paper shows it: a row for each dimension, a column for each stage."""

from __future__ import annotations

from itertools import pairwise

from spacelang.expression import Number, decimal
from spacelang.infix import show
from spacelang.language.dimensions import LATER
from spacelang.lower.cells import Legal
from spacelang.space import Derived, Dimension, Option, Searched, Settled, Space, dimensions


def rows(space: Space, legal: Legal) -> list[list[str]]:
    """The table as text: a heading row, the maps, then the dimensions."""
    frame, numbers = space.frame, range(len(space.stages))
    sides = [frame.side(number) for number in numbers]
    table = [["", *(f"stage {number + 1}" for number in numbers)]]
    table.append(["map", *(f"{side}×{side}" for side in sides)])
    by_stage = [dict(dimensions(stage)) for stage in space.stages]
    usual = [name for name, value in LATER.items() if all(s[name] == Settled(value) for s in by_stage)]
    for name in (name for name in by_stage[0] if name not in usual):
        table.append([name, *(_cell(name, stages[name], legal, number) for number, stages in enumerate(by_stage))])
    table.append(["layers", *(_layers(legal, number) for number in numbers)])
    return table


def _cell(name: str, dimension: Dimension, legal: Legal, number: int) -> str:
    match dimension:
        case Settled(value):
            return _option(value)
        case Searched(options, None):
            return listed(options)
        case Searched(options, tie):
            return f"{listed(options)} (one a {tie})"
        case Derived(expression):
            values: set[Option] = (
                {getattr(cell, name) for cell in legal.stages[number]}
                if name in ("depth", "embed")
                else {getattr(layer, name) for cell in legal.stages[number] for layer in cell.options}
            )
            return f"{show(expression)}: {listed(tuple(sorted(values, key=_order)))}"


def _layers(legal: Legal, number: int) -> str:
    """How many distinct layers there are to choose from, by the width they stand in."""
    counts = sorted({len(cell.options) for cell in legal.stages[number]})
    low, high = counts[0], counts[-1]
    return f"{low} kinds" if low == high and low > 1 else f"{low}..{high} kinds" if high > 1 else "1 kind"


def listed(options: tuple[Option, ...]) -> str:
    """Options as the language writes them shortest: `1..3`, `64..128 step 32`, `7, 14`."""
    numbers = [o for o in options if not isinstance(o, str)]
    steps = {b - a for a, b in pairwise(numbers)}
    if len(numbers) == len(options) > 2 and len(steps) == 1:
        step = steps.pop()
        return f"{decimal(numbers[0])}..{decimal(numbers[-1])}" + (f" step {decimal(step)}" if step != 1 else "")
    return ", ".join(map(_option, options))


def _option(value: Option) -> str:
    return value if isinstance(value, str) else decimal(value)


def _order(value: Option) -> Number | float:
    return float("inf") if isinstance(value, str) else value
