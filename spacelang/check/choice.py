"""A choice of a dimension: its options, and for what it is made once."""

from __future__ import annotations

from math import ceil, floor

from spacelang.architecture import Frame
from spacelang.check.values import options, spot
from spacelang.diagnostics import Diagnostic, Label
from spacelang.evaluation import evaluate
from spacelang.expression import Among, Expression, Name, Previous, Within, decimal, walk
from spacelang.infix import show
from spacelang.language.dimensions import LAYER_DIMENSIONS, LAYER_NAMES, STAGE_DIMENSIONS, domain
from spacelang.lower.layers import constants
from spacelang.source import Span
from spacelang.space import Option, Searched, Tie
from spacelang.syntax import tree


def chosen(name: str, line: tree.Choice, scope: str, frame: Frame, found: list[Diagnostic]) -> Searched:
    """The options of a dimension that a line chooses. scope: where the line stands."""
    if name == "head_dim":
        found.append(
            Diagnostic(
                "E0320",
                "`head_dim` is a number that other lines use, not a dimension to search",
                Label(line.span),
                help="search `qkv`, or search `heads` and settle `qkv`",
            )
        )
    values: tuple[Option, ...] | None = None
    other = _named(line.domain)
    if (isinstance(other, Name) and other.name != name) or (
        isinstance(other, Previous) and name in STAGE_DIMENSIONS
    ):
        found.append(_decided_by(name, line.domain, other))
    else:
        values = options(line.domain, constants(frame), domain(name).word is not None, found)
    for option in values or ():
        in_range(name, option, _where(line.domain, option, frame), found)
    tie: Tie | None = None
    if scope.startswith("the root"):
        tie = "network"
    elif name in LAYER_DIMENSIONS and "each layer" not in scope:
        tie = "stage"
    return Searched(values or (1,), tie, span=line.span)


def in_range(name: str, value: Option, span: Span, found: list[Diagnostic]) -> None:
    """Report a value that a dimension cannot have."""
    if isinstance(value, str):
        return
    known = domain(name)
    if value not in known:
        message = f"`{name}` cannot be {decimal(value)}: it is {known}"
        least, most = ceil(known.low), floor(known.high)
        near = "a number above 0" if known.positive and value <= 0 else f"`{min(max(floor(value), least), most)}`"
        help_ = f"write {near}" + (f" or `{ceil(value)}`" if least < value < most else "")
        found.append(Diagnostic("E0321", message, Label(span), help=help_))


def _where(domain: tree.Domain, option: Option, frame: Frame) -> Span:
    """The place of an option: its own in a set, the whole range in a range."""
    if isinstance(domain, tree.SetOf) and not isinstance(option, str):
        for item in domain.items:
            if item != Name("global") and evaluate(item, constants(frame)) == option:
                return spot(item)
    return domain.span


def _written(domain: tree.Domain) -> tuple[Expression, ...]:
    match domain:
        case tree.SetOf(items):
            return items
        case tree.Range(low, high, by):
            return (low, high) if by is None else (low, high, by)


def _member(name: str, domain: tree.Domain) -> Expression:
    """The condition that a dimension is one of the options."""
    match domain:
        case tree.SetOf(items):
            return Among(Name(name), items)
        case tree.Range(low, high, by):
            return Within(Name(name), low, high, by)


def _named(domain: tree.Domain) -> Name | Previous | None:
    """The first dimension that options name, of the stage or layer itself or of the stage before."""
    return next(
        (
            part
            for written in _written(domain)
            for part in walk(written)
            if isinstance(part, Previous) or (isinstance(part, Name) and part.name in LAYER_NAMES)
        ),
        None,
    )


def _decided_by(name: str, domain: tree.Domain, other: Name | Previous) -> Diagnostic:
    """The finding for options that another dimension decides."""
    shown = show(other)
    stages = name in STAGE_DIMENSIONS and (isinstance(other, Previous) or other.name in STAGE_DIMENSIONS)
    if isinstance(domain, tree.SetOf) and len(domain.items) == 1 and (stages or name not in STAGE_DIMENSIONS):
        help_ = f"write `{name} = {show(domain.items[0])}`: then it follows from `{shown}`, and is not searched"
    else:
        rule = f"require each {'stage' if stages else 'layer'}: {show(_member(name, domain))}"
        help_ = f"list the numbers, and keep those that fit by a rule: `{rule}`"
    message = f"the options of `{name}` are numbers, and `{shown}` is another choice"
    return Diagnostic("E0311", message, Label(spot(other)), help=help_)
