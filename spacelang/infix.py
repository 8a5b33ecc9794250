"""Expressions as text of the language."""

from __future__ import annotations

from spacelang.amount import duration
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
    decimal,
)


# How tightly each form binds, loosest first: where a part binds more loosely than its place, it needs parentheses.
def _tightness(expression: Expression) -> int:
    match expression:
        case Logic("or"):
            return 0
        case Logic():
            return 1
        case Not():
            return 2
        case Compare() | Among() | Within():
            return 3
        case Binary("+" | "-"):
            return 4
        case Binary():
            return 5
        case Negative():
            return 6
        case Constant(value) if value < 0:
            return 6
        case _:
            return 7


def show(expression: Expression) -> str:
    """The expression as text of the language, with no parentheses but those it needs."""
    return laid(expression)[0]


Anchors = tuple[tuple[int, Expression], ...]


def laid(expression: Expression, outer: int = 0) -> tuple[str, Anchors]:
    """The expression as text, and the column in it of each part that has a value of its own: a name's first
    letter, an operator, the first letter of a function."""
    own = _tightness(expression)
    match expression:
        case Constant(value):
            text, anchors = decimal(value), Anchors()
        case Duration(nanoseconds):
            text, anchors = duration(nanoseconds), Anchors()
        case Name(name):
            text, anchors = name, ((0, expression),)
        case Previous(name):
            text, anchors = f"previous.{name}", ((0, expression),)
        case Negative(operand):
            text, anchors = _joined(expression, 0, "-", (operand, own))
        case Not(operand):
            text, anchors = _joined(expression, 0, "not ", (operand, own))
        case Binary(operator, left, right) | Logic(operator, left, right):
            text, anchors = _joined(expression, 2, (left, own), f" {operator} ", (right, own + 1))
        case Compare(first, rest):
            pieces = [piece for op, part in rest for piece in (f" {op} ", (part, own + 1))]
            text, anchors = _joined(expression, 2, (first, own + 1), *pieces)
        case Among(operand, options):
            inside = [piece for option in options for piece in (", ", (option, 0))][1:]
            text, anchors = _joined(expression, 2, (operand, own + 1), " in ", "{", *inside, "}")
        case Within(operand, low, high, step):
            by: list[str | tuple[Expression, int]] = [] if step is None else [" step ", (step, own + 1)]
            text, anchors = _joined(
                expression, 2, (operand, own + 1), " in ", (low, own + 1), "..", (high, own + 1), *by
            )
        case Total(function, argument):
            text, anchors = _joined(expression, 0, f"{function}(", (argument, 0), ")")
            anchors = anchors[:1]  # inside there is no one value
        case Call(function, arguments):
            listed = [piece for argument in arguments for piece in (", ", (argument, 0))][1:]
            text, anchors = _joined(expression, 0, f"{function}(", *listed, ")")
    if own < outer:
        return f"({text})", tuple((column + 1, part) for column, part in anchors)
    return text, anchors


def _joined(whole: Expression, at: int, *pieces: str | tuple[Expression, int]) -> tuple[str, Anchors]:
    """Texts and parts in a row. at: 2 where the value of the whole stands under the operator, the second piece."""
    text = ""
    anchors: list[tuple[int, Expression]] = [] if at else [(0, whole)]
    for number, piece in enumerate(pieces):
        if isinstance(piece, str):
            if at and number == 1:
                anchors.append((len(text) + 1, whole))
            text += piece
        else:
            inner, inside = laid(*piece)
            anchors += [(len(text) + column, part) for column, part in inside]
            text += inner
    return text, tuple(anchors)
