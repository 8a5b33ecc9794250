"""The tree of a `.space` text: what stands where, before anything is known about what it means."""

from __future__ import annotations

from attrs import frozen

from spacelang.expression import Expression, Number
from spacelang.source import Span


@frozen
class Identifier:
    """A name where it was written."""

    text: str
    span: Span


@frozen
class Literal:
    """A number where it was written."""

    value: Number
    span: Span


@frozen
class Edition:
    number: Literal
    span: Span


@frozen
class SpaceName:
    name: Identifier
    span: Span


@frozen
class Extends:
    """`extends "path"`, or `narrows "path"`: the space that this one is made from."""

    path: Identifier
    narrows: bool
    span: Span


@frozen
class MeasureStatement:
    """`measure name unit`: something that a whole network is measured by, besides what the language knows."""

    name: Identifier
    unit: Identifier | None
    span: Span


@frozen
class Setting:
    """`name = value`: decided."""

    name: Identifier
    value: Expression
    span: Span


@frozen
class SetOf:
    """`{a, b, c}`."""

    items: tuple[Expression, ...]
    span: Span


@frozen
class Range:
    """`low..high step by`; without a step, `by` is None and means 1."""

    low: Expression
    high: Expression
    by: Expression | None
    span: Span


Domain = SetOf | Range


@frozen
class Choice:
    """`name in set`: searched."""

    name: Identifier
    domain: Domain
    span: Span


@frozen
class Block:
    """`each stage { … }`, `stage 2 { … }`, `train { … }`. span: its header, not its body."""

    head: Identifier
    each: bool
    number: Literal | None
    body: tuple[Statement, ...]
    span: Span


@frozen
class Require:
    """`require condition` or `require each NAME: condition`."""

    each: Identifier | None
    condition: Expression
    span: Span


Statement = Edition | SpaceName | Extends | MeasureStatement | Setting | Choice | Block | Require


@frozen
class File:
    statements: tuple[Statement, ...]
