"""Expressions of the language, as values: what `require` states and what a derived dimension computes.

The parser makes them with their places, the checked space keeps them, and everything behind it evaluates them
without ever seeing text. Arithmetic is exact: numbers are integers or fractions, never floats.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Literal

from attrs import field, frozen

from spacelang.source import Span

_WRITTEN = re.compile(r"-?\d{1,30}(/[1-9]\d{0,29})?")

Number = int | Fraction
Value = int | Fraction | bool

Arithmetic = Literal["+", "-", "*", "/", "%"]
Connective = Literal["and", "or"]
Relation = Literal["<", "<=", "==", "!=", ">=", ">"]
# What a relation is once its sides have changed places.
MIRROR: Mapping[Relation, Relation] = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


def _place() -> Span | None:
    # Where a thing was written is not part of what it is.
    return field(default=None, eq=False, kw_only=True)  # type: ignore[no-any-return]


@frozen
class Constant:
    """A number as written."""

    value: Number
    span: Span | None = _place()


@frozen
class Duration:
    """A time as written, such as `5ms`, in nanoseconds. Only a bound on a time has a place for it."""

    nanoseconds: Number
    span: Span | None = _place()


@frozen
class Name:
    """A setting or dimension that holds where the expression is evaluated."""

    name: str
    span: Span | None = _place()


@frozen
class Previous:
    """A dimension of the stage before (`previous.embed`)."""

    name: str
    span: Span | None = _place()


@frozen
class Negative:
    operand: Expression
    span: Span | None = _place()


@frozen
class Not:
    operand: Expression
    span: Span | None = _place()


@frozen
class Binary:
    """`left operator right` in exact arithmetic; `%` takes the sign of its right side, as in Python."""

    operator: Arithmetic
    left: Expression
    right: Expression
    span: Span | None = _place()


@frozen
class Logic:
    operator: Connective
    left: Expression
    right: Expression
    span: Span | None = _place()


@frozen
class Compare:
    """A chain of comparisons: `a <= b < c` holds when every neighbouring pair does."""

    first: Expression
    rest: tuple[tuple[Relation, Expression], ...]
    span: Span | None = _place()


@frozen
class Among:
    """`heads in {2, 4}`: whether a number is one of some."""

    operand: Expression
    options: tuple[Expression, ...]
    span: Span | None = _place()


@frozen
class Within:
    """`window in 7..14 step 7`: whether a number is low, or some whole steps more, and at most high.

    step: None is 1, as in a choice: 3.5 is not in 3..4.
    """

    operand: Expression
    low: Expression
    high: Expression
    step: Expression | None
    span: Span | None = _place()


@frozen
class Call:
    """`min(…)` or `max(…)` of at least one number."""

    function: Literal["min", "max"]
    arguments: tuple[Expression, ...]
    span: Span | None = _place()


@frozen
class Total:
    """`sum(heads)`, or `count(window == 14)`: over the layers, or over the stages, of what a rule speaks of."""

    function: Literal["sum", "count"]
    argument: Expression
    span: Span | None = _place()


Expression = (
    Constant
    | Duration
    | Name
    | Previous
    | Negative
    | Not
    | Binary
    | Logic
    | Compare
    | Among
    | Within
    | Call
    | Total
)


def exact(value: Number) -> Number:
    """The same number, as an int where it is whole."""
    return int(value) if value.denominator == 1 else value


def written(value: object) -> Number:
    """The exact number that a JSON value is: 4, or a text such as "7/2". Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | str) or not _WRITTEN.fullmatch(str(value)):
        raise ValueError(f'{str(value)[:40]!r} is not an exact number such as 4 or "7/2"')
    return exact(Fraction(value))


def parts(expression: Expression) -> tuple[Expression, ...]:
    """The expressions directly inside this one, left to right."""
    match expression:
        case Constant() | Duration() | Name() | Previous():
            return ()
        case Negative(operand) | Not(operand) | Total(_, operand):
            return (operand,)
        case Binary(_, left, right) | Logic(_, left, right):
            return (left, right)
        case Compare(first, rest):
            return (first, *(part for _, part in rest))
        case Among(operand, options):
            return (operand, *options)
        case Within(operand, low, high, step):
            return (operand, low, high) if step is None else (operand, low, high, step)
        case Call(_, arguments):
            return arguments


def walk(expression: Expression) -> Iterator[Expression]:
    """The expression and everything inside it, outermost first."""
    yield expression
    for part in parts(expression):
        yield from walk(part)


def mentions(expression: Expression, name: str) -> bool:
    """Whether the value can depend on the dimension `name` of this stage or of the one before."""
    return any(isinstance(part, Name | Previous) and part.name == name for part in walk(expression))


def totals(expression: Expression) -> bool:
    """Whether there is a total in an expression."""
    return any(isinstance(part, Total) for part in walk(expression))


def conjuncts(condition: Expression) -> Iterator[Expression]:
    """The conditions that must hold together for a condition to hold."""
    match condition:
        case Logic("and", left, right):
            yield from conjuncts(left)
            yield from conjuncts(right)
        case _:
            yield condition


def decimal(value: Number) -> str:
    """A number in plain decimals where it has a finite form (7/2 is `3.5`), else as a quotient (`1/3`)."""
    value = Fraction(value)
    rest, twos, fives = value.denominator, 0, 0
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    if rest != 1:
        return f"{value.numerator}/{value.denominator}"
    places = max(twos, fives)
    digits = str(abs(value.numerator) * 10**places // value.denominator).rjust(places + 1, "0")
    sign = "-" if value < 0 else ""
    return sign + (f"{digits[:-places]}.{digits[-places:]}" if places else digits)
