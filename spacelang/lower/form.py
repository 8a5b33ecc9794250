"""Comparisons of totals, sorted out: a sum of totals on one side, what has none on the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction

from attrs import frozen

from spacelang.evaluation import UndefinedValue, evaluate
from spacelang.expression import (
    MIRROR,
    Binary,
    Compare,
    Constant,
    Expression,
    Name,
    Negative,
    Number,
    Previous,
    Relation,
    Total,
    exact,
    totals,
    walk,
)
from spacelang.infix import show

LinearTerms = Mapping[Total, Number]  # what each total is multiplied by


@frozen
class Limited:
    """`terms relation rest`, as of `sum(heads) - 2 * sum(depth) <= embed`: rest has no total."""

    terms: tuple[tuple[Total, Number], ...]
    relation: Relation
    rest: Expression

    @property
    def name(self) -> str:
        """The sum of totals as text of the language."""
        whole: Expression | None = None
        for total, times in self.terms:
            size: Number = times if times > 0 else -times
            term: Expression = total if size == 1 else Binary("*", Constant(size), total)
            if whole is None:
                whole = term if times > 0 else Negative(term)
            else:
                whole = Binary("+" if times > 0 else "-", whole, term)
        assert whole is not None, "a limit has a total"
        return show(whole)


class NotLinear(ValueError):
    """Why a condition is no comparison of sums of totals; `at` is the part to blame."""

    def __init__(self, reason: str, at: Expression) -> None:
        super().__init__(reason)
        self.at = at


def limited(condition: Expression, constants: Mapping[str, Number]) -> Iterator[Limited]:
    """The limits that a comparison sets, one for each two neighbours of its chain. Raises `NotLinear`.

    constants: the settings of the space, which may multiply a total.
    """
    if not isinstance(condition, Compare):
        raise NotLinear(
            "a total is compared with numbers, and joined with other conditions by `and` alone", condition
        )
    sides = (condition.first, *(part for _, part in condition.rest))
    for left, (relation, right) in zip(sides, condition.rest, strict=False):
        if relation == "!=":
            raise NotLinear("a total is bounded, and has no `!=`", condition)
        if totals(left) or totals(right):
            terms, rest = _linear(Binary("-", left, right), constants)
            kept = {total: times for total, times in terms.items() if times}
            if not kept:
                raise NotLinear("the totals of this comparison cancel out", condition)
            yield _oriented(kept, relation, Negative(rest))
        else:
            yield Limited((), relation, Binary("-", right, left))


def _oriented(terms: Mapping[Total, Number], relation: Relation, rest: Expression) -> Limited:
    """A limit whose first total counts upwards, once where it is alone: both ends of a window name one sum."""
    first = next(iter(terms.values()))
    by = first if len(terms) == 1 else 1 if first > 0 else -1
    if by == 1:
        return Limited(tuple(terms.items()), relation, rest)
    scaled = tuple((total, exact(Fraction(times) / by)) for total, times in terms.items())
    part = Binary("/", rest, Constant(by))
    return Limited(scaled, relation if by > 0 else MIRROR[relation], part)


def _linear(expression: Expression, constants: Mapping[str, Number]) -> tuple[dict[Total, Number], Expression]:
    """An expression as a sum of multiples of totals, and what has none."""
    if not totals(expression):
        return {}, expression
    match expression:
        case Total():
            return {expression: 1}, Constant(0)
        case Negative(operand):
            return _times(_linear(operand, constants), -1)
        case Binary("+" | "-" as sign, left, right):
            (one, rest), (other, more) = (
                _linear(left, constants),
                _times(_linear(right, constants), 1 if sign == "+" else -1),
            )
            joined = {total: one.get(total, 0) + other.get(total, 0) for total in {**one, **other}}
            return joined, Binary("+", rest, more)
        case Binary("*", left, right) if not totals(left):
            return _times(_linear(right, constants), _constant(left, constants))
        case Binary("*", left, right) if not totals(right):
            return _times(_linear(left, constants), _constant(right, constants))
        case Binary("/", left, right) if not totals(right):
            size = _constant(right, constants)
            if size == 0:
                raise NotLinear("division by zero", right)
            return _times(_linear(left, constants), exact(Fraction(1) / size))
    if isinstance(expression, Binary) and expression.operator == "/":
        reason = "nothing is divided by a total: multiply instead, as in `sum(heads) <= 4 * sum(depth)`"
        raise NotLinear(reason, expression)
    raise NotLinear("totals are added, subtracted and multiplied by numbers, and nothing else", expression)


def _constant(expression: Expression, constants: Mapping[str, Number]) -> Number:
    for part in walk(expression):
        if isinstance(part, Previous) or (isinstance(part, Name) and part.name not in constants):
            raise NotLinear("a total is multiplied by a number that is the same in all networks", part)
    try:
        value = evaluate(expression, constants)
    except UndefinedValue as error:
        raise NotLinear(str(error), error.at) from None
    assert not isinstance(value, bool), "the kinds were checked"
    return value


def _times(sum_: tuple[dict[Total, Number], Expression], by: Number) -> tuple[dict[Total, Number], Expression]:
    terms, rest = sum_
    return {total: exact(times * by) for total, times in terms.items()}, Binary("*", Constant(by), rest)
