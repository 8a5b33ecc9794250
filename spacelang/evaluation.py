"""Expressions evaluated: their values where names hold, in exact arithmetic, never floats."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from spacelang.expression import (
    Among,
    Arithmetic,
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
    Number,
    Previous,
    Relation,
    Total,
    Value,
    Within,
    exact,
    walk,
)


class UndefinedValue(ArithmeticError):
    """An expression has no value for the numbers given, such as a division by zero; `at` is the part to blame."""

    def __init__(self, message: str, at: Expression) -> None:
        super().__init__(message)
        self.at = at


def evaluate(
    expression: Expression, names: Mapping[str, Number], previous: Mapping[str, Number] | None = None
) -> Value:
    """The value of an expression where `names` hold and the stage before has the dimensions `previous`.

    A condition is true unless it is false: one that ends unknown holds. Raises `UndefinedValue` for a division by
    zero.
    """
    match expression:
        case Not() | Logic() | Compare() | Among() | Within():
            return truth(expression, names, previous) is not False
        case Constant(value):
            return value
        case Duration():  # the checker has refused such text; only a hand-made value comes here
            raise UndefinedValue("a time is no number", expression)
        case Name(name):
            return names[name]
        case Previous(name):
            if previous is None:
                raise UndefinedValue("there is no stage before the first", expression)
            return previous[name]
        case Negative(operand):
            return -_number(operand, names, previous)
        case Call(function, arguments):
            values = [_number(argument, names, previous) for argument in arguments]
            return min(values) if function == "min" else max(values)
        case Total():  # the checker lets none stand where one stage or layer is spoken of
            raise UndefinedValue("a total is of many layers or stages", expression)
        case Binary(operator, left_side, right_side):
            a, b = _number(left_side, names, previous), _number(right_side, names, previous)
            if operator in "/%" and b == 0:
                raise UndefinedValue("division by zero", expression)
            return exact(_arithmetic(a, operator, b))


def truth(
    expression: Expression, names: Mapping[str, Number], previous: Mapping[str, Number] | None = None
) -> bool | None:
    """Whether a condition is true, or false, or unknown (None), in the logic of Kleene.

    A comparison, or a membership, that mentions the stage before is unknown where there is none (`previous` is
    None); a chain is one comparison. `not` of what is unknown is unknown; `and` is false where a side is, `or` true
    where a side is, and else unknown where a side is. (S. C. Kleene, Introduction to Metamathematics, §64.)
    """
    match expression:
        case Not(operand):
            inner = truth(operand, names, previous)
            return None if inner is None else not inner
        case Logic(operator, left, right):
            decides = operator == "or"  # the value of one side that decides, whatever the other is
            one = truth(left, names, previous)
            if one is decides:
                return decides
            other = truth(right, names, previous)
            return other if other is decides or one is not None else None
        case Compare() | Among() | Within() if previous is None and _looks_back(expression):
            return None
        case Among(operand, options):
            value = _number(operand, names, previous)
            return any(value == _number(option, names, previous) for option in options)
        case Within(operand, lowest, highest, by):
            value, least = _number(operand, names, previous), _number(lowest, names, previous)
            step = 1 if by is None else _number(by, names, previous)
            if step <= 0:
                raise UndefinedValue("a step is more than 0", expression)
            return least <= value <= _number(highest, names, previous) and (value - least) % step == 0
        case Compare(first, rest):
            low = _number(first, names, previous)
            for relation, part in rest:
                high = _number(part, names, previous)
                if not _related(low, relation, high):
                    return False
                low = high
            return True
        case _:  # the checker has refused such text; only a hand-made value comes here
            raise UndefinedValue("a condition is needed here, not a number", expression)


def _looks_back(expression: Expression) -> bool:
    return any(isinstance(part, Previous) for part in walk(expression))


def _number(expression: Expression, names: Mapping[str, Number], previous: Mapping[str, Number] | None) -> Number:
    value = evaluate(expression, names, previous)
    if isinstance(value, bool):  # the checker has refused such text; only a hand-made value comes here
        raise UndefinedValue("a number is needed here, not yes or no", expression)
    return value


def _arithmetic(a: Number, operator: Arithmetic, b: Number) -> Number:
    match operator:
        case "+":
            return a + b
        case "-":
            return a - b
        case "*":
            return a * b
        case "/":
            return Fraction(a) / Fraction(b)
        case "%":
            return a % b


def _related(a: Number, relation: Relation, b: Number) -> bool:
    match relation:
        case "<":
            return a < b
        case "<=":
            return a <= b
        case "==":
            return a == b
        case "!=":
            return a != b
        case ">=":
            return a >= b
        case ">":
            return a > b
