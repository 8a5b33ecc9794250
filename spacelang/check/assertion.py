"""A condition with the value under each of its parts, so that one sees why it fails."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from spacelang.evaluation import UndefinedValue, evaluate, truth
from spacelang.expression import (
    Among,
    Compare,
    Expression,
    Logic,
    Name,
    Not,
    Number,
    Previous,
    Within,
    decimal,
    walk,
)
from spacelang.infix import laid, show

Values = Mapping[str, Number]


_NAMES = (Name, Previous)
_WIDEST = 110  # columns of an expression that is drawn with its values under it
_LONGEST = 24  # digits of a value that is shown to the last


def drawn(expression: Expression, names: Values, previous: Values | None) -> str:
    """The expression, and under each name, operator and function in it the value that it has there.

    embed >= previous.embed
    |     |  |
    64    |  96
          false
    """
    text, anchors = laid(expression)
    if len(text) > _WIDEST:
        values = {
            show(part): _shown(part, names, previous) for part in walk(expression) if isinstance(part, _NAMES)
        }
        return ", ".join(f"{name} = {value}" for name, value in values.items())
    left = sorted((column, _shown(part, names, previous)) for column, part in anchors)
    bars = "".join("|" if any(column == c for c, _ in left) else " " for column in range(len(text)))
    lines = [text, bars.rstrip()]
    while left:
        row, kept, free = [" "] * (left[-1][0] + len(left[-1][1])), [], len(text) + 80
        for column, value in reversed(left):
            if column + len(value) < free:
                row[column : column + len(value)] = value
                free = column
            else:
                row[column] = "|"
                kept.append((column, value))
                free = column
        lines.append("".join(row).rstrip())
        left = kept[::-1]
    return "\n".join(lines)


def _shown(expression: Expression, names: Values, previous: Values | None) -> str:
    try:
        if isinstance(expression, Not | Logic | Compare | Among | Within):
            known = truth(expression, names, previous)
            return "unknown" if known is None else str(known).lower()
        value = evaluate(expression, names, previous)
    except (UndefinedValue, KeyError):
        return "?"
    text = decimal(value)
    if len(text) <= _LONGEST:
        return text
    return f"about 10^{len(str(abs(int(value)))) - 1}" if not -1 < value < 1 else "about 0"


def distance(expression: Expression, names: Values, previous: Values | None) -> Fraction:
    """How far a condition is from holding: 0 where it holds; a comparison by the share that its sides lack."""
    try:
        if evaluate(expression, names, previous):
            return Fraction(0)
        match expression:
            case Logic("and", left, right):
                return distance(left, names, previous) + distance(right, names, previous)
            case Logic(_, left, right):
                return min(distance(left, names, previous), distance(right, names, previous))
            case Not(_):
                return Fraction(1)
            case Compare(first, rest):
                parts = (first, *(part for _, part in rest))
                sides = [Fraction(evaluate(part, names, previous)) for part in parts]
                pairs = zip(sides, (relation for relation, _ in rest), sides[1:], strict=False)
                return sum((_lack(a, relation, b) for a, relation, b in pairs), Fraction(0)) or Fraction(1)
            case Among(operand, options):
                value = Fraction(evaluate(operand, names, previous))
                members = [Fraction(evaluate(option, names, previous)) for option in options]
                return min((_lack(value, "==", member) for member in members), default=Fraction(1))
            case Within(operand, low, high):
                value, *ends = (Fraction(evaluate(part, names, previous)) for part in (operand, low, high))
                return _lack(value, ">=", ends[0]) + _lack(value, "<=", ends[1]) or Fraction(1)
            case _:
                return Fraction(1)
    except UndefinedValue:
        return Fraction(2)


def _lack(a: Fraction, relation: str, b: Fraction) -> Fraction:
    apart = abs(a - b) / (abs(a) + abs(b) + 1)
    match relation:
        case "<" | "<=":
            return apart if a > b or (a == b and relation == "<") else Fraction(0)
        case ">" | ">=":
            return apart if a < b or (a == b and relation == ">") else Fraction(0)
        case "==":
            return apart
        case _:
            return Fraction(1) if a == b else Fraction(0)
