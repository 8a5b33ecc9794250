"""`spacelang diff`: what changed from one space to another."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spacelang.amount import plain, short, spaced
from spacelang.api.measures import LABELS
from spacelang.cli.options import AsJson
from spacelang.cli.terminal import console, grid
from spacelang.cli.texts import loaded
from spacelang.expression import Number, decimal
from spacelang.table import listed

if TYPE_CHECKING:
    from spacelang.diff import Difference, Options, SettingValue
    from spacelang.lower.chain import Window


def diff(
    before: Annotated[Path, typer.Argument(help="A .space file.", metavar="A")],
    after: Annotated[Path, typer.Argument(help="Another.", metavar="B")],
    as_json: AsJson = False,
) -> None:
    """Say what changed from one space to another: options, settings, rules, recipes, size and costs."""
    found = loaded(before).diff(loaded(after))
    if as_json:
        print(json.dumps(_plain(found), indent=2))
    else:
        show(found)


def _plain(found: Difference) -> dict[str, Any]:
    import attrs

    def exact(_: Any, __: Any, value: Any) -> Any:
        return str(value) if isinstance(value, Fraction) else value

    return attrs.asdict(found, value_serializer=exact) | {"count": [plain(count) for count in found.count]}


def show(found: Difference) -> None:
    out = console()
    a, b = found.names
    out.print(f"[bold]{a}[/] → [bold]{b}[/]: {_verdict(found)}", soft_wrap=True)
    rows = [["", s.name, _setting(s.before), _setting(s.after), ""] for s in found.settings]
    if found.stages[0] != found.stages[1]:
        rows.append(["", "stages", str(found.stages[0]), str(found.stages[1]), ""])
    rows += [[f"stage {o.stage}", o.dimension, _options(o, 0), _options(o, 1), _change(o)] for o in found.options]
    rows += [[line.recipe, line.name, _number(line.before), _number(line.after), ""] for line in found.lines]
    if rows:
        out.print()
        out.print(grid(["", "", "before", "after", ""], rows))
    if found.rules.gone or found.rules.come:
        out.print()
    for sign, rules in (("-", found.rules.gone), ("+", found.rules.come)):
        for rule in rules:
            out.print(f"{sign} {rule}", markup=False, soft_wrap=True)
    out.print()
    out.print(f"architectures   {spaced(found.count[0])} → {spaced(found.count[1])}", soft_wrap=True)
    for cost in found.ranges:
        label = LABELS.get(cost.measure, cost.measure)
        out.print(f"{label:<15} {_span(cost.before)} → {_span(cost.after)}", soft_wrap=True)


def _verdict(found: Difference) -> str:
    a, b = found.names
    match found.change:
        case "same":
            return "the same networks"
        case "wider":
            return f"wider; every network of {a} is one of {b}"
        case "narrower":
            return f"narrower; every network of {b} is one of {a}"
        case _:
            return "incomparable; each has networks that the other has not"


def _setting(value: SettingValue) -> str:
    if value is None:
        return "not declared"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " + ".join(value) if isinstance(value, tuple) else str(value) or "no unit"


def _options(options: Options, side: int) -> str:
    formula = options.formulas[side]
    values = listed((options.before, options.after)[side])
    return f"{formula}: {values}" if formula else values


def _change(options: Options) -> str:
    """In a word, how the options changed; where they moved, by how much."""
    old, fresh = options.before[0], options.after[0]
    if options.change == "moved" and not isinstance(old, str) and not isinstance(fresh, str):
        return f"moved by {'+' if fresh > old else ''}{decimal(fresh - old)}"
    return "" if options.change == "same" else options.change


def _number(value: Number | str | None) -> str:
    if value is None:
        return "not set"
    if isinstance(value, str):
        return value
    return short(int(value)) if value >= 10_000 and value.denominator == 1 else decimal(value)


def _span(span: Window) -> str:
    return short(span.lo) if span.lo == span.hi else f"{short(span.lo)} to {short(span.hi)}"
