"""Settings and sets, exact: what a line says, once its arithmetic is done."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from spacelang.diagnostics import Diagnostic, Fix, Label, listed
from spacelang.evaluation import UndefinedValue, evaluate
from spacelang.expression import Expression, Name, Number, decimal
from spacelang.language.domain import LARGEST, MOST_OPTIONS
from spacelang.language.meant import meant
from spacelang.names import undefined
from spacelang.source import Span
from spacelang.space import Option
from spacelang.syntax import tree


def number(expression: Expression, names: Mapping[str, Number], found: list[Diagnostic]) -> Number | None:
    """The number that an expression of settled names comes to, or None where that was reported."""
    problem = undefined(expression, names, "number")
    if problem:
        found.append(problem)
        return None
    try:
        value = evaluate(expression, names)
    except UndefinedValue as error:
        help_ = "write the number that is meant"
        found.append(Diagnostic("E0301", str(error), Label(spot(error.at)), help=help_))
        return None
    assert not isinstance(value, bool), "the kinds were checked"
    if abs(Fraction(value)) > LARGEST**2:
        help_ = f"no number of a space is more than {decimal(LARGEST**2)}"
        found.append(Diagnostic("E0302", "this number is too large", Label(spot(expression)), help=help_))
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
                help=f"write `{min(max(least, round(value)), LARGEST)}`",
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
            found.append(_no_word(expression, known))
            return None


# Words of other systems for the words of ours.
_WORDS = {
    "true": "yes",
    "on": "yes",
    "false": "no",
    "off": "no",
    "cls": "class",
    "avg": "mean",
    "average": "mean",
    "down": "floor",
}


def _no_word(expression: Expression, known: tuple[str, ...]) -> Diagnostic:
    said = expression.name.lower() if isinstance(expression, Name) else ""
    ours = _WORDS.get(said)
    near = ours if ours in known else meant(said, known)
    message, here = f"{listed([f'`{w}`' for w in known])} is expected here", spot(expression)
    fix = Fix(here, near) if near else None
    help_ = f"write `{near}`" if near else "write one of these words"
    return Diagnostic("E0304", message, Label(here), help=help_, fix=fix)


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
        help_ = "list at least one option, or leave the line out where there is a default"
        found.append(Diagnostic("E0305", "a set of options is not empty", Label(domain.span), help=help_))
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
                    help="delete one of them",
                    fix=_without(items, item),
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
                fix=Fix(Span(spot(domain.low).start, spot(domain.high).end), f"{decimal(high)}..{decimal(low)}"),
            )
        )
        return None
    if step <= 0:
        at = spot(domain.by) if domain.by else domain.span
        help_ = "leave the step out for 1, or write how far one option is from the next"
        found.append(Diagnostic("E0308", "a step is more than 0", Label(at), help=help_))
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
                fix=Fix(spot(domain.high), decimal(last)),
            )
        )
        return None
    return tuple(low + i * step for i in range(int(steps) + 1))


def _too_many(count: Number, span: Span) -> Diagnostic:
    message = f"these are {count} options; a dimension has at most {MOST_OPTIONS}"
    return Diagnostic("E0310", message, Label(span), help="take fewer, or a longer step")


def _without(items: tuple[Expression, ...], item: Expression) -> Fix:
    """The set without one of its items, which is not the first, and without the comma before it."""
    before = items[[part is item for part in items].index(True) - 1]
    return Fix(Span(spot(before).end, spot(item).end), "")


def spot(expression: Expression) -> Span:
    """The place of an expression of a text."""
    return expression.span or Span(0, 1)
