"""Grammar rules to nodes of the tree, as the parser reduces them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from lark import Token, Transformer, v_args
from lark.tree import Meta

from spacelang import expression as e
from spacelang.amount import UNITS
from spacelang.diagnostics import Diagnostic, Fix, Label, nearest
from spacelang.language.vocabulary import FUNCTIONS
from spacelang.source import Span
from spacelang.syntax import tree
from spacelang.syntax.scan import place

_NUMBER = re.compile(r"([0-9]+)(?:\.([0-9]+))?([A-Za-z0-9_]*)")
_COUNTS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_TIMES = {unit: UNITS[unit] for unit in ("us", "ms", "s")}  # in nanoseconds
_LONGEST_NUMBER = 30  # digits
_FUNCTIONS = {"total": "sum", "add": "sum", "number": "count", "num": "count", "len": "count"}


def _span(meta: Meta) -> Span:
    return Span(meta.start_pos, meta.end_pos)


def _word(token: Token) -> tree.Identifier:
    return tree.Identifier(str(token), place(token))


@v_args(meta=True)
class Builder(Transformer[Token, tree.File]):
    """Makes the tree; `found` collects the numbers that are none."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Diagnostic] = []

    def _literal(self, token: Token) -> tree.Literal:
        return tree.Literal(self._value(token, _COUNTS)[0], place(token))

    def _value(self, token: Token, factors: Mapping[str, int]) -> tuple[e.Number, str]:
        """The number of a token by the factors of suffixes, and its suffix."""
        match = _NUMBER.fullmatch(str(token))
        assert match, "the grammar lets no other text be a number"
        whole, decimals, suffix = match.group(1), match.group(2) or "", match.group(3)
        if len(whole) + len(decimals) > _LONGEST_NUMBER:
            self.found.append(
                Diagnostic(
                    "E0108",
                    f"a number has at most {_LONGEST_NUMBER} digits",
                    Label(place(token)),
                    help="write a count with a suffix: 4.5G",
                )
            )
            return 1, suffix
        if suffix not in factors:
            self.found.append(self._suffix(token, whole + (f".{decimals}" if decimals else ""), suffix))
            return 1, suffix
        value = Fraction(int(whole + decimals), 10 ** len(decimals)) * factors[suffix]
        return e.exact(value), suffix

    def _suffix(self, token: Token, digits: str, suffix: str) -> Diagnostic:
        if digits == "0" and re.fullmatch(r"x[0-9a-fA-F]{1,16}", suffix):
            digits = str(int(suffix[1:], 16))
        if re.fullmatch(r"[KMGT][A-Za-z]+", suffix):  # the measure has the unit
            digits += suffix[0]
        help_ = f"write `{digits}`; a number may end in K, M, G or T (thousand to million million)"
        return Diagnostic("E0111", f"`{token}` is not a number", Label(place(token)), help=help_)

    def file(self, _: Meta, statements: list[Any]) -> tree.File:
        return tree.File(tuple(statements))

    # Statements

    def edition(self, meta: Meta, parts: list[Any]) -> tree.Edition:
        return tree.Edition(self._literal(parts[0]), _span(meta))

    def space(self, meta: Meta, parts: list[Any]) -> tree.SpaceName:
        return tree.SpaceName(_word(parts[0]), _span(meta))

    def extends(self, meta: Meta, parts: list[Any]) -> tree.Extends:
        return tree.Extends(tree.Identifier(str(parts[0])[1:-1], place(parts[0])), False, _span(meta))

    def narrows(self, meta: Meta, parts: list[Any]) -> tree.Extends:
        return tree.Extends(tree.Identifier(str(parts[0])[1:-1], place(parts[0])), True, _span(meta))

    def measure(self, meta: Meta, parts: list[Any]) -> tree.MeasureStatement:
        return tree.MeasureStatement(_word(parts[0]), _word(parts[1]) if parts[1] else None, _span(meta))

    def setting(self, meta: Meta, parts: list[Any]) -> tree.Setting:
        return tree.Setting(_word(parts[0]), parts[1], _span(meta))

    def choice(self, meta: Meta, parts: list[Any]) -> tree.Choice:
        return tree.Choice(_word(parts[0]), parts[1], _span(meta))

    def require(self, meta: Meta, parts: list[Any]) -> tree.Require:
        return tree.Require(None, parts[0], _span(meta))

    def require_each(self, meta: Meta, parts: list[Any]) -> tree.Require:
        return tree.Require(_word(parts[0]), parts[1], _span(meta))

    def block(self, _: Meta, statements: list[Any]) -> tuple[tree.Statement, ...]:
        return tuple(statements)

    def each_block(self, meta: Meta, parts: list[Any]) -> tree.Block:
        head = _word(parts[0])
        return tree.Block(head, True, None, parts[1], Span(meta.start_pos, head.span.end))

    def named_block(self, _: Meta, parts: list[Any]) -> tree.Block:
        head = _word(parts[0])
        return tree.Block(head, False, None, parts[1], head.span)

    def numbered_block(self, _: Meta, parts: list[Any]) -> tree.Block:
        head, number = _word(parts[0]), self._literal(parts[1])
        return tree.Block(head, False, number, parts[2], Span(head.span.start, number.span.end))

    # Domains

    def empty_set(self, meta: Meta, _: list[Any]) -> tree.SetOf:
        return tree.SetOf((), _span(meta))

    def set(self, meta: Meta, items: list[Any]) -> tree.SetOf:
        return tree.SetOf(tuple(items), _span(meta))

    def range(self, meta: Meta, parts: list[Any]) -> tree.Range:
        return tree.Range(parts[0], parts[1], None, _span(meta))

    def stepped_range(self, meta: Meta, parts: list[Any]) -> tree.Range:
        return tree.Range(parts[0], parts[1], parts[2], _span(meta))

    # Expressions

    def either(self, meta: Meta, parts: list[Any]) -> e.Expression:
        return e.Logic("or", parts[0], parts[1], span=_span(meta))

    def both(self, meta: Meta, parts: list[Any]) -> e.Expression:
        return e.Logic("and", parts[0], parts[1], span=_span(meta))

    def not_(self, meta: Meta, parts: list[Any]) -> e.Expression:
        return e.Not(parts[0], span=_span(meta))

    def compare(self, meta: Meta, parts: list[Any]) -> e.Expression:
        rest = tuple(zip(map(str, parts[1::2]), parts[2::2], strict=True))
        return e.Compare(parts[0], rest, span=_span(meta))  # type: ignore[arg-type]  # RELATION lexes no other

    def element(self, meta: Meta, parts: list[Any]) -> e.Expression:
        match parts[1]:
            case tree.SetOf(items):
                return e.Among(parts[0], items, span=_span(meta))
            case tree.Range(low, high, by):
                return e.Within(parts[0], low, high, by, span=_span(meta))
        raise AssertionError("the grammar has no other domain")

    def plus(self, meta: Meta, parts: list[Any]) -> e.Expression:
        return e.Binary("+", parts[0], parts[1], span=_span(meta))

    def minus(self, meta: Meta, parts: list[Any]) -> e.Expression:
        return e.Binary("-", parts[0], parts[1], span=_span(meta))

    def times(self, meta: Meta, parts: list[Any]) -> e.Expression:
        return e.Binary("*", parts[0], parts[1], span=_span(meta))

    def over(self, meta: Meta, parts: list[Any]) -> e.Expression:
        return e.Binary("/", parts[0], parts[1], span=_span(meta))

    def modulo(self, meta: Meta, parts: list[Any]) -> e.Expression:
        return e.Binary("%", parts[0], parts[1], span=_span(meta))

    def negative(self, meta: Meta, parts: list[Any]) -> e.Expression:
        return e.Negative(parts[0], span=_span(meta))

    def number(self, meta: Meta, parts: list[Any]) -> e.Expression:
        value, suffix = self._value(parts[0], _COUNTS | _TIMES)
        return (e.Duration if suffix in _TIMES else e.Constant)(value, span=_span(meta))

    def name(self, meta: Meta, parts: list[Any]) -> e.Expression:
        return e.Name(str(parts[0]), span=_span(meta))

    def member(self, meta: Meta, parts: list[Any]) -> e.Expression:
        if parts[0] != "previous":
            self.found.append(
                Diagnostic(
                    "E0112",
                    f"`{parts[0]}` has no parts",
                    Label(place(parts[0])),
                    help="only the stage before has: `previous.embed`, `previous.depth`",
                )
            )
        return e.Previous(str(parts[1]), span=_span(meta))

    def call(self, meta: Meta, parts: list[Any]) -> e.Expression:
        if parts[0] in ("sum", "count"):
            return self._total(meta, parts)
        if parts[0] not in ("min", "max"):
            near = _FUNCTIONS.get(str(parts[0])) or nearest(str(parts[0]), tuple(FUNCTIONS))
            help_ = f"did you mean `{near}`?" if near else "work it out, and write the number"
            if parts[0] in ("average", "avg", "mean"):
                help_ = "multiply instead: `sum(heads) <= 4 * sum(depth)` is four heads a layer on average"
            fix = Fix(place(parts[0]), near) if near else None
            self.found.append(
                Diagnostic(
                    "E0113",
                    f"`{parts[0]}` is not a function; there are min, max, sum and count",
                    Label(place(parts[0])),
                    help=help_,
                    fix=fix,
                )
            )
        function: Any = "max" if parts[0] == "max" else "min"
        return e.Call(function, tuple(parts[1:]), span=_span(meta))

    def _total(self, meta: Meta, parts: list[Any]) -> e.Expression:
        function: Any = str(parts[0])
        if len(parts) > 2:
            message = f"`{function}` goes over one thing, and here are {len(parts) - 1}"
            help_ = f"write `{function}(…) + {function}(…)`, or join them in one expression"
            self.found.append(Diagnostic("E0160", message, Label(_span(meta)), help=help_))
        return e.Total(function, parts[1], span=_span(meta))

    def group(self, _: Meta, parts: list[Any]) -> e.Expression:
        inner: e.Expression = parts[0]
        return inner
