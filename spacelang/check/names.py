"""Expressions: the names they may mention and the kind of their value, a number or a truth."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Literal

from spacelang.diagnostics import Diagnostic, Label, listed, nearest
from spacelang.expression import (
    Binary,
    Call,
    Compare,
    Constant,
    Expression,
    Logic,
    Name,
    Negative,
    Not,
    Previous,
    walk,
)
from spacelang.source import Span

Kind = Literal["number", "truth"]


def undefined(
    expression: Expression, names: Iterable[str], kind: Kind, previous: Container[str] = ()
) -> Diagnostic | None:
    """The first thing that keeps an expression from having a value of this kind, or None.

    names: those that hold in its scope. previous: those that `previous.` may be followed by.
    """
    known = tuple(names)
    for part in walk(expression):
        match part:
            case Name(name, span=span) if name not in known:
                near = nearest(name, known)
                here = listed(sorted(known), "and") if known else "none"
                return Diagnostic(
                    "E0311",
                    f"`{name}` has no value here",
                    Label(span or Span(0, 1)),
                    notes=(f"names that hold here: {here}",),
                    help=f"did you mean `{near}`?" if near else None,
                )
            case Previous(name, span=span) if name not in previous:
                reason = "`previous` is the stage before, and has embed and depth"
                if not previous:
                    reason = "only a stage's own rules may look at the stage before: costs must add up by layers"
                return Diagnostic(
                    "E0312", f"`previous.{name}` has no value here", Label(span or Span(0, 1)), notes=(reason,)
                )
    return _wrong_kind(expression, kind)


def _wrong_kind(expression: Expression, kind: Kind) -> Diagnostic | None:
    actual: Kind
    inside: tuple[tuple[Expression, Kind], ...]
    match expression:
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
        case Call(_, arguments):
            actual, inside = "number", tuple((argument, "number") for argument in arguments)
    if actual != kind:
        wanted = "a condition, such as `embed >= 64`," if kind == "truth" else "a number"
        return Diagnostic("E0313", f"{wanted} is expected here", Label(expression.span or Span(0, 1)))
    return next((wrong for part, expected in inside if (wrong := _wrong_kind(part, expected))), None)
