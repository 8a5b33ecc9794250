"""The ends of bounds on what a table tells: times, and amounts in a unit of one's own."""

from __future__ import annotations

from fractions import Fraction

from spacelang.amount import UNITS, duration
from spacelang.check.values import number, spot
from spacelang.diagnostics import Diagnostic, Fix, Label
from spacelang.expression import Constant, Duration, Expression, Number, decimal

LONGEST = 10**15  # nanoseconds, eleven days: what takes longer is a slip


def amount(expression: Expression, unit: str, found: list[Diagnostic]) -> Number | None:
    """An amount in a unit, or None where that was reported. One in a unit of time may be a time."""
    if isinstance(expression, Duration) and unit in UNITS:
        return Fraction(expression.nanoseconds) / UNITS[unit]
    return number(expression, {}, found)


def time(expression: Expression, found: list[Diagnostic]) -> Number | None:
    """A time in nanoseconds, or None where that was reported."""
    match expression:
        case Duration(nanoseconds) if nanoseconds <= LONGEST:
            return nanoseconds
        case Duration():
            message = f"a network that takes more than {duration(LONGEST)} is none that is searched for"
            found.append(Diagnostic("E0302", message, Label(spot(expression)), help="write the time that is meant"))
        case Constant(value):
            text = f"{decimal(value)}ms"
            message = f"a time of {decimal(value)} of what: the unit is missing"
            fix = Fix(spot(expression), text)
            help_ = f"write `{text}`, or a number with us or s"
            found.append(Diagnostic("E0409", message, Label(spot(expression)), help=help_, fix=fix))
        case _:
            help_ = "write one time, such as `5ms`"
            found.append(Diagnostic("E0408", "a time is bound by a time", Label(spot(expression)), help=help_))
    return None
