"""Settings and sets, exact: what a line says, once its arithmetic is done."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from spacelang.check.names import undefined
from spacelang.diagnostics import Diagnostic, Label
from spacelang.expression import Expression, Name, Number, UndefinedValue, decimal, evaluate
from spacelang.source import Span
from spacelang.space import Option
from spacelang.syntax import tree

MOST_OPTIONS = 1000
LARGEST = 10**7  # no dimension of a network comes near it


def number(expression: Expression, names: Mapping[str, Number], found: list[Diagnostic]) -> Number | None:
    """The number that an expression of settled names comes to, or None where that was reported."""
    problem = undefined(expression, names, "number")
    if problem:
        found.append(problem)
        return None
    try:
        value = evaluate(expression, names)
    except UndefinedValue as error:
        found.append(Diagnostic("E0301", str(error), Label(spot(error.at))))
        return None
    assert not isinstance(value, bool), "the kinds were checked"
    if abs(Fraction(value)) > LARGEST**2:
        found.append(Diagnostic("E0302", f"{decimal(value)} is too large", Label(spot(expression))))
        return None
    return value


def whole(
    expression: Expression, names: Mapping[str, Number], found: list[Diagnostic], least: int = 1
) -> int | None:
    """A whole number from `least` up, or None where that was reported."""
    value = number(expression, names, found)
    if value is None:
        return None
    if value.denominator != 1 or not least <= value <= LARGEST:
        found.append(
            Diagnostic(
                "E0303",
                f"{decimal(value)} is not a whole number from {least} to {LARGEST}",
                Label(spot(expression)),
            )
        )
        return None
    return int(value)


def word(expression: Expression, known: tuple[str, ...], found: list[Diagnostic]) -> str | None:
    """One of a few words, or None where that was reported."""
    match expression:
        case Name(name) if name in known:
            return name
        case _:
            found.append(
                Diagnostic("E0304", f"one of {', '.join(known)} is expected here", Label(spot(expression)))
            )
            return None


def options(
    domain: tree.Domain, names: Mapping[str, Number], globals_: bool, found: list[Diagnostic]
) -> tuple[Option, ...] | None:
    """The options of a set or a range in ascending order, `global` last; None where it is none."""
    match domain:
        case tree.SetOf(items):
            return _set(domain, items, names, globals_, found)
        case tree.Range():
            return _range(domain, names, found)


def _set(
    domain: tree.SetOf,
    items: tuple[Expression, ...],
    names: Mapping[str, Number],
    globals_: bool,
    found: list[Diagnostic],
) -> tuple[Option, ...] | None:
    if not items:
        found.append(Diagnostic("E0305", "a set of options is not empty", Label(domain.span)))
        return None
    if len(items) > MOST_OPTIONS:
        found.append(_too_many(len(items), domain.span))
        return None
    values: dict[Option, Expression] = {}
    for item in items:
        value: Option | None = "global" if globals_ and item == Name("global") else number(item, names, found)
        if value is None:
            return None
        if value in values:
            shown = value if isinstance(value, str) else decimal(value)
            found.append(
                Diagnostic(
                    "E0306",
                    f"the option {shown} stands twice in this set",
                    Label(spot(item), "again here"),
                    others=(Label(spot(values[value]), "first here"),),
                )
            )
            return None
        values[value] = item
    numbers = sorted(value for value in values if not isinstance(value, str))
    return (*numbers, "global") if "global" in values else tuple(numbers)


def _range(domain: tree.Range, names: Mapping[str, Number], found: list[Diagnostic]) -> tuple[Option, ...] | None:
    low, high = number(domain.low, names, found), number(domain.high, names, found)
    step = number(domain.by, names, found) if domain.by else 1
    if low is None or high is None or step is None:
        return None
    if high < low:
        found.append(
            Diagnostic(
                "E0307",
                f"this range runs backwards, from {decimal(low)} to {decimal(high)}",
                Label(domain.span),
                help=f"write `{decimal(high)}..{decimal(low)}`",
            )
        )
        return None
    if step <= 0:
        at = spot(domain.by) if domain.by else domain.span
        found.append(Diagnostic("E0308", "a step is more than 0", Label(at)))
        return None
    steps = (high - low) // step
    if steps >= MOST_OPTIONS:
        found.append(_too_many(steps + 1, domain.span))
        return None
    last = low + steps * step
    if last != high:
        found.append(
            Diagnostic(
                "E0309",
                f"steps of {decimal(step)} from {decimal(low)} miss {decimal(high)}",
                Label(domain.span, f"the last value reached is {decimal(last)}"),
                help=f"end the range at {decimal(last)} or at {decimal(last + step)}",
            )
        )
        return None
    return tuple(low + i * step for i in range(int(steps) + 1))


def _too_many(count: Number, span: Span) -> Diagnostic:
    message = f"these are {count} options; a dimension has at most {MOST_OPTIONS}"
    return Diagnostic("E0310", message, Label(span))


def spot(expression: Expression) -> Span:
    """The place of an expression of a text."""
    return expression.span or Span(0, 1)
