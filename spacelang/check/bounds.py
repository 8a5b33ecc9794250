"""Bounds on the whole network, as a recipe states them: `require 4G <= flops <= 4.5G`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from math import ceil, floor

from attrs import evolve

from spacelang.check.amounts import amount, time
from spacelang.check.declared import Declarations, unit
from spacelang.check.values import number, spot
from spacelang.diagnostics import Diagnostic, Fix, Label, listed
from spacelang.expression import (
    MIRROR,
    Binary,
    Compare,
    Constant,
    Expression,
    Logic,
    Name,
    Number,
    Relation,
    Total,
    decimal,
    exact,
    walk,
)
from spacelang.infix import show
from spacelang.language.dimensions import KNOWN, NUMBERS, STAGE_DIMENSIONS, domain
from spacelang.language.meant import advice, meant
from spacelang.language.measures import DECIMALS, EXACT, TIMES
from spacelang.language.measures import KNOWN as MEASURES
from spacelang.language.trunk import SETTINGS
from spacelang.names import undefined
from spacelang.recipe import EACH_STAGE, Bound
from spacelang.source import Span
from spacelang.syntax import tree

BOUNDED = tuple(MEASURES)  # measures of a whole network


def bounds_of(
    condition: Expression, found: list[Diagnostic], declared: Declarations, *, each_stage: bool = False
) -> list[Bound]:
    """`4G <= flops <= 4.5G and params <= 28M` as bounds, each on one measure; with `each_stage`, on every stage.

    declared: the measures that there are besides those of the language.
    """
    match condition:
        case Logic("and", left, right):
            return [
                *bounds_of(left, found, declared, each_stage=each_stage),
                *bounds_of(right, found, declared, each_stage=each_stage),
            ]
        case Compare(first, rest) if "!=" not in [relation for relation, _ in rest]:
            sides = (first, *(part for _, part in rest))
            bounds: list[Bound] = []
            for left, (relation, right) in zip(sides, rest, strict=False):
                one = _bound(left, relation, right, found, declared, each_stage=each_stage)
                if one is None:
                    return []
                bounds.append(evolve(one, measure=f"{EACH_STAGE}{one.measure}") if each_stage else one)
            return bounds
    found.append(_no_bound(condition))
    return []


def _bound(
    left: Expression,
    relation: Relation,
    right: Expression,
    found: list[Diagnostic],
    declared: Declarations,
    *,
    each_stage: bool,
) -> Bound | None:
    if isinstance(right, Name | Total):
        left, relation, right = right, MIRROR[relation], left
    mentioned = [part for part in walk(right) if isinstance(part, Name | Total)]
    if isinstance(left, Total) and not mentioned:
        return _of_a_total(left, relation, right, found)
    if each_stage:
        found.append(_no_bound_of_a_stage(left, declared))
        return None
    if not isinstance(left, Name) or mentioned:
        found.append(_no_bound(left))
        return None
    if left.name in TIMES:
        time_ = time(right, found)
        return None if time_ is None else bound_of(left.name, relation, time_)
    if left.name in declared:
        return _in_its_unit(left.name, relation, right, unit(declared[left.name]), found)
    if left.name not in EXACT:
        found.append(_no_measure(left, declared))
        return None
    value = number(right, {}, found)
    if value is None:
        return None
    known = MEASURES[left.name]
    if 0 < value < known.least:
        message = f"no network has {left.name} of {decimal(value)}: the unit is missing"
        texts = [f"{decimal(value)}{suffix}" for suffix in known.suffixes]
        help_ = f"write {listed((f'`{text}`' for text in texts), 'or')}"
        fix = Fix(spot(right), texts[-1]) if isinstance(right, Constant) else None
        found.append(Diagnostic("E0409", message, Label(spot(right)), help=help_, fix=fix))
        return None
    return bound_of(left.name, relation, value)


def _of_a_total(total: Total, relation: Relation, right: Expression, found: list[Diagnostic]) -> Bound | None:
    """`sum(depth) <= 24` as a bound. A sum of whole numbers is one, so `< 3` is `<= 2`."""
    names = (*SETTINGS, *NUMBERS)
    problem = undefined(total, (), "number", summed=names)
    if problem:
        found.append(problem)
        return None
    value = number(right, {}, found)
    if value is None:
        return None
    if relation not in ("<", ">"):
        low = value if relation in (">=", "==") else None
        return Bound(show(total), low, value if relation in ("<=", "==") else None, total)
    if total.function == "sum" and not _whole(total.argument):
        help_ = f"write `{relation}=`"
        message = "a sum that may be a fraction is bounded with its end"
        found.append(Diagnostic("E0408", message, Label(spot(total)), help=help_))
        return None
    bound = bound_of(show(total), relation, value)
    return evolve(bound, total=total)


def _whole(expression: Expression) -> bool:
    """Whether an expression is a whole number in every layer."""
    return all(
        not (isinstance(part, Name) and part.name in KNOWN and not domain(part.name).whole)
        and not (isinstance(part, Binary) and part.operator == "/")
        and not (isinstance(part, Constant) and part.value.denominator != 1)
        for part in walk(expression)
    )


def _in_its_unit(
    measure: str, relation: Relation, right: Expression, own: str, found: list[Diagnostic]
) -> Bound | None:
    """A bound on a measure of one's own, in its unit. A table has so many decimals, so `< 2` ends just below."""
    value = amount(right, own, found)
    if value is None:
        return None
    parts = bound_of(measure, relation, value * 10**DECIMALS)
    low, high = (None if end is None else exact(Fraction(end, 10**DECIMALS)) for end in (parts.low, parts.high))
    return Bound(measure, low, high)


def _no_measure(name: Name, declared: Declarations) -> Diagnostic:
    """The finding for a bound on something that is not measured of a whole network."""
    if name.name in NUMBERS:
        message = f"`{name.name}` belongs to each stage or layer, not to a whole network"
        help_ = f"write `require each stage: {name.name} …` at the root"
        if name.name not in STAGE_DIMENSIONS:
            help_ = f"write `require each layer: {name.name} …` at the root"
        help_ += f"; of the whole network, a total: `sum({name.name})`"
        return Diagnostic("E0415", message, Label(spot(name)), help=help_)
    known = (*BOUNDED, *declared)
    ours = meant(name.name, known)
    help_ = advice(name.name, known) or (
        f"a bound speaks of {listed(known)}; what a table of costs tells is declared: `measure {name.name} UNIT`"
    )
    fix = Fix(spot(name), ours) if ours else None
    return Diagnostic("E0407", f"`{name.name}` is no measure of a network", Label(spot(name)), help=help_, fix=fix)


def bound_of(measure: str, relation: Relation, value: Number) -> Bound:
    """`measure relation value` in whole numbers: a network's cost is one, so `< 3` is `<= 2`."""
    limits: Mapping[Relation, Callable[[], tuple[int | None, int | None]]] = {
        "<": lambda: (None, ceil(value) - 1),
        "<=": lambda: (None, floor(value)),
        ">": lambda: (floor(value) + 1, None),
        ">=": lambda: (ceil(value), None),
        "==": lambda: (ceil(value), floor(value)),
    }
    return Bound(measure, *limits[relation]())


def _no_bound_of_a_stage(expression: Expression, declared: Declarations) -> Diagnostic:
    """The finding for a rule of each stage in a recipe that is no bound on a total."""
    message = "a rule of each stage belongs to the space, unless it bounds a total"
    help_ = "move it out of the block, to the root; a recipe bounds totals: `require each stage: sum(heads) <= 30`"
    if isinstance(expression, Name) and expression.name in (*BOUNDED, *declared):
        message = f"`{expression.name}` belongs to a whole network, not to each stage"
        help_ = f"write `require {expression.name} …` without `each stage`"
    return Diagnostic("E0411", message, Label(spot(expression)), help=help_)


def _no_bound(expression: Expression) -> Diagnostic:
    return Diagnostic(
        "E0408",
        "a bound compares one measure with numbers",
        Label(spot(expression)),
        help="such as `require flops <= 4.5G` or `require 4G <= flops <= 4.5G`",
    )


def standing(own: Iterable[Bound], given: Iterable[Bound]) -> list[Bound]:
    """Of a recipe's own bounds those that stand beside given ones, each of which replaces all on its measure."""
    replaced = {bound.measure for bound in given}
    return [bound for bound in own if bound.measure not in replaced]


def joined(bounds: Iterable[Bound]) -> tuple[Bound, ...]:
    """One bound a measure: all that were said of it hold together."""
    together: dict[str, Bound] = {}
    for bound in bounds:
        before = together.get(bound.measure, Bound(bound.measure, None, None, bound.total))
        lows = [low for low in (before.low, bound.low) if low is not None]
        highs = [high for high in (before.high, bound.high) if high is not None]
        total = before.total or bound.total
        together[bound.measure] = Bound(bound.measure, max(lows, default=None), min(highs, default=None), total)
    return tuple(together[measure] for measure in sorted(together))


def measure_in(condition: Expression, declared: Declarations) -> Name | None:
    """The first measure of a whole network that a condition speaks of."""
    known = (*BOUNDED, *declared)
    return next((part for part in walk(condition) if isinstance(part, Name) and part.name in known), None)


def measured(block: tree.Block, measure: str) -> list[Span]:
    """The places of the requires of a recipe that speak of a measure."""
    lines = [line for line in block.body if isinstance(line, tree.Require)]
    each = measure.startswith(EACH_STAGE)
    spoken = [line for line in lines if (line.each.text if line.each else None) == ("stage" if each else None)]
    name = measure.removeprefix(EACH_STAGE)
    return [
        line.span
        for line in spoken
        if any(
            (isinstance(part, Name) and part.name == name) or (isinstance(part, Total) and show(part) == name)
            for part in walk(line.condition)
        )
    ]


def contradictions(bounds: Iterable[Bound], block: tree.Block) -> Iterable[Diagnostic]:
    for bound in bounds:
        if bound.low is not None and bound.high is not None and bound.low > bound.high:
            places = measured(block, bound.measure) or [block.span]
            ends = f"at least {bound.shown(bound.low)} and at most {bound.shown(bound.high)}"
            what = bound.measure.removeprefix(EACH_STAGE)
            message = f"no {what}{' of a stage' if bound.of_each_stage else ''} is {ends}"
            others = tuple(Label(place) for place in places[:-1])
            help_ = "all bounds on one measure hold together: loosen one of them"
            yield Diagnostic("E0405", message, Label(places[-1]), others=others, help=help_)
