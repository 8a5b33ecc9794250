"""Expressions: the names they may mention and the kind of their value, a number or a truth."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from typing import Literal

from spacelang.diagnostics import Diagnostic, Fix, Label, listed
from spacelang.expression import (
    Among,
    Binary,
    Call,
    Compare,
    Constant,
    Duration,
    Expression,
    Logic,
    Name,
    Negative,
    Not,
    Previous,
    Total,
    Within,
    parts,
    walk,
)
from spacelang.language.meant import advice, meant
from spacelang.source import Span

Kind = Literal["number", "truth"]


def undefined(
    expression: Expression,
    names: Iterable[str],
    kind: Kind,
    previous: Container[str] = (),
    summed: Iterable[str] = (),
) -> Diagnostic | None:
    """The first thing that keeps an expression from having a value of this kind, or None.

    names: those that hold in its scope. previous: those that `previous.` may be followed by. summed: those that
    hold inside a total; none: there are no totals here.
    """
    known, inside = tuple(names), tuple(summed)
    for part in outside_totals(expression):
        match part:
            case Total(_, argument, span=span):
                if not inside:
                    return _no_total(part.function, span or Span(0, 1))
                if any(isinstance(inner, Total) for inner in walk(argument)):
                    message = "a total has no total inside it"
                    return Diagnostic("E0319", message, Label(span or Span(0, 1)), help="add them side by side")
                wrong = undefined(argument, inside, "number" if part.function == "sum" else "truth")
                if wrong is not None:
                    return wrong
            case Name(name, span=span) if name not in known:
                return _unknown(name, span or Span(0, 1), known)
            case Previous(name, span=span) if name not in previous:
                if previous:
                    message = f"the stage before has no `{name}`"
                    help_ = "write `previous.embed`, `previous.depth`, or what that stage chooses once"
                    return Diagnostic("E0312", message, Label(span or Span(0, 1)), help=help_)
                message = "only a stage may look at the stage before: costs must add up by layers"
                help_ = "write the rule as `require each stage: …`, of embed, depth and what a stage chooses once"
                return Diagnostic("E0316", message, Label(span or Span(0, 1)), help=help_)
    return _wrong_kind(expression, kind)


def outside_totals(expression: Expression) -> Iterator[Expression]:
    """The expression and everything inside it but what is inside a total."""
    yield expression
    if not isinstance(expression, Total):
        for part in parts(expression):
            yield from outside_totals(part)


def _no_total(function: str, span: Span) -> Diagnostic:
    message = f"`{function}(…)` goes over many layers or stages, and here is one"
    help_ = f"write `require {function}(…) …` at the root, or `require each stage: {function}(…) …`"
    return Diagnostic("E0318", message, Label(span), help=help_)


def _unknown(name: str, span: Span, known: tuple[str, ...]) -> Diagnostic:
    if name.lower() in _NO_VALUES:
        help_ = _NO_VALUES[name.lower()]
        return Diagnostic("E0314", f"`{name}` is no value of this language", Label(span), help=help_)
    ours, said = meant(name, known), advice(name, known)
    if name.startswith("previous_") and name[9:] in ("embed", "depth"):
        ours = f"previous.{name[9:]}"
        said = f"write `{ours}`"
    here = listed(sorted(known), "and") if known else "none: write a number"
    return Diagnostic(
        "E0311",
        f"`{name}` has no value here",
        Label(span),
        notes=(f"names that hold here: {here}",),
        help=said,
        fix=Fix(span, ours) if ours else None,
    )


_OMIT = "leave the line out for the default, or write the number that is meant"
_NO_VALUES = {
    "true": "write `yes` where a setting takes yes or no, and a number elsewhere",
    "false": "write `no` where a setting takes yes or no, and a number elsewhere",
    "yes": "only `stem_norm` takes yes or no; write a number here",
    "no": "only `stem_norm` takes yes or no; write a number here",
    "none": _OMIT,
    "null": _OMIT,
    "nil": _OMIT,
    "auto": _OMIT,
    "default": _OMIT,
    "nan": "write the number that is meant",
    "inf": "write the number that is meant; a bound that is open on one side leaves that side out",
    "infinity": "write the number that is meant; a bound that is open on one side leaves that side out",
}


def _wrong_kind(expression: Expression, kind: Kind) -> Diagnostic | None:
    actual: Kind
    inside: tuple[tuple[Expression, Kind], ...]
    match expression:
        case Duration(span=span):
            help_ = "times bound the latency: `evolve { require latency <= 5ms }`; write a number here"
            return Diagnostic("E0159", "a time has no place here", Label(span or Span(0, 1)), help=help_)
        case Constant() | Name() | Previous():
            actual, inside = "number", ()
        case Negative(operand):
            actual, inside = "number", ((operand, "number"),)
        case Not(operand):
            actual, inside = "truth", ((operand, "truth"),)
        case Binary(_, left, right):
            actual, inside = "number", ((left, "number"), (right, "number"))
        case Logic(_, left, right):
            actual, inside = "truth", ((left, "truth"), (right, "truth"))
        case Compare(first, rest):
            actual, inside = "truth", ((first, "number"), *((part, "number") for _, part in rest))
        case Among() | Within():
            actual, inside = "truth", tuple((part, "number") for part in parts(expression))
        case Total():
            actual, inside = "number", ()  # what is inside is looked at where its names are
        case Call(_, arguments):
            actual, inside = "number", tuple((argument, "number") for argument in arguments)
    if actual != kind:
        at = Label(expression.span or Span(0, 1))
        if kind == "truth":
            return Diagnostic("E0315", "a condition is expected here", at, help="compare it: `embed >= 64`")
        help_ = "a condition is true or false, and has no amount"
        return Diagnostic("E0313", "a number is expected here", at, help=help_)
    return next((wrong for part, expected in inside if (wrong := _wrong_kind(part, expected))), None)
