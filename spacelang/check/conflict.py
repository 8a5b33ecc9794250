"""Why the rules of a space leave nothing: the fewest rules that do it, and the values that come closest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from attrs import evolve, frozen

from spacelang.check.assertion import distance, drawn
from spacelang.diagnostics import Diagnostic, Label
from spacelang.evaluation import UndefinedValue, evaluate
from spacelang.expression import Name, Number, decimal, totals, walk
from spacelang.infix import show
from spacelang.lower.cells import Legal, LegalCell
from spacelang.lower.chain import EVERY, cost
from spacelang.lower.charge import charges
from spacelang.lower.extremes import largest, smallest
from spacelang.lower.layers import constants, numbers
from spacelang.lower.legal import legal
from spacelang.lower.price import charged, price
from spacelang.lower.too_many import TooMany
from spacelang.recipe import Evolve, Refine
from spacelang.source import Span
from spacelang.space import Derived, Requirement, Searched, Settled, Space, dimensions, steady

_MOST_DRAWN = 4  # rules with the values under them
Values = Mapping[str, Number]


@frozen
class _Point:
    """Values of one stage that all other rules allow: by name, with those of the stage before."""

    names: Values
    previous: Values | None


def empty(space: Space, blocks: Mapping[int, Span], trials: int) -> Diagnostic:
    """The finding for a space that holds no network.

    blocks: the place of each stage. trials: how often it may be asked what some of the rules leave.
    """
    heads = (n for n in range(1, len(space.stages) + 1) if not _something(_head(space, n)))
    number = next(heads, 0)
    if not number:
        return _no_total(space, blocks[1])
    head = _head(space, number)
    if not _something(evolve(head, requires=())):
        return _no_width(head, number, blocks[number])
    if len(head.requires) > trials:
        return _first_empty(head, number, blocks)
    rules = _fewest(head)
    relaxed = evolve(head, requires=tuple(rule for rule in head.requires if rule not in rules))
    relaxed = relaxed if any_left(relaxed) else evolve(head, requires=())
    points = list(_points(relaxed, number, any(rule.level == "layer" for rule in rules)))
    who = "it comes" if len(rules) == 1 else "they come"
    where = f", where {who} closest" if len(points) > 1 else ""
    notes = []
    if points:
        best = min(points, key=lambda p: sum(distance(rule.expression, p.names, p.previous) for rule in rules))
        shown = [rule for rule in rules[:_MOST_DRAWN] if not totals(rule.expression)]
        rows = [drawn(rule.expression, best.names, best.previous) for rule in shown]
        notes = [f"stage {number}{where}:\n" + "\n".join(rows)] if rows else []
        notes += [told for rule in rules if totals(rule.expression) and (told := _reached(relaxed, rule))]
    mentioned = {p.name for rule in rules for p in walk(rule.expression) if isinstance(p, Name)}
    notes.append(_options(head, number, mentioned))
    stage = Label(blocks[number], "no network gets past this stage")
    places = [Label(rule.expression.span or blocks[number]) for rule in rules]
    if len(rules) == 1:
        message = f"no network meets `{show(rules[0].expression)}`"
        help_ = "loosen the rule, or give the stage options that meet it"
        return Diagnostic("E0344", message, places[0], (stage,), tuple(filter(None, notes)), help_)
    message = f"{len(rules)} rules leave stage {number} nothing between them, though each alone leaves something"
    help_ = "loosen one of them"
    others = (*places[:-1], stage)
    return Diagnostic("E0347", message, places[-1], others, tuple(filter(None, notes)), help_)


def _first_empty(space: Space, number: int, blocks: Mapping[int, Span]) -> Diagnostic:
    """The first rule after which nothing is left, found by halving; where there are too many to tell the fewest."""
    low, high = 0, len(space.requires)
    while high - low > 1:
        middle = (low + high) // 2
        if _something(evolve(space, requires=space.requires[:middle])):
            low = middle
        else:
            high = middle
    rule = space.requires[high - 1]
    message = f"stage {number} has nothing left after `{show(rule.expression)}` and the rules before it"
    stage = Label(blocks[number], "no network gets past this stage")
    place = Label(rule.expression.span or blocks[number])
    return Diagnostic("E0349", message, place, (stage,), help="loosen one of these rules")


def any_left(space: Space) -> bool:
    """Whether a space is known to hold a network."""
    try:
        left = legal(space)
    except TooMany:
        return False
    return isinstance(left, Legal) and all(left.stages)


def _something(space: Space) -> bool:
    """Whether the rules leave something, be it values that no network can have, or that totals may take away which
    are too many to be looked at."""
    try:
        left = legal(space)
    except TooMany:
        return True
    return not isinstance(left, Legal) or all(left.stages)


def _head(space: Space, number: int) -> Space:
    """The space up to a stage, without the rules that speak of the whole network."""
    rules = tuple(rule for rule in space.requires if rule.level != "network")
    return evolve(space, stages=space.stages[:number], requires=rules)


def _no_total(space: Space, block: Span) -> Diagnostic:
    """The finding for totals of the network that nothing meets, though every stage has something left."""
    rules = _fewest(space)
    totals_ = [rule for rule in rules if rule.level == "network"]
    relaxed = evolve(space, requires=tuple(rule for rule in space.requires if rule not in totals_))
    notes = tuple(filter(None, (_reached(relaxed, rule) for rule in totals_)))
    places = [Label(rule.expression.span or block) for rule in totals_]
    if len(totals_) == 1:
        message = f"no network meets `{show(totals_[0].expression)}`"
    else:
        message = f"{len(totals_)} totals leave no network between them"
    help_ = "loosen one of them" if len(totals_) > 1 else "move its end to a value that can be met"
    return Diagnostic("E0350", message, places[-1], tuple(places[:-1]), notes, help_)


def _reached(space: Space, rule: Requirement) -> str:
    """The least and the most that the totals of a rule come to in a space without it."""
    left = legal(space)
    if not isinstance(left, Legal) or not all(left.stages):
        return ""
    chain = price(space, left)
    told = []
    for charge in charges(evolve(space, requires=(rule,), evolve=Evolve(), refine=Refine()), left.stages, []):
        free = evolve(charge, name="this total", stage=None, window=EVERY)
        priced = charged(chain, (free,))
        found = [end(priced, ("this total",)) for end in (smallest, largest)]
        at = priced.measures.index("this total")
        low, high = (Fraction(cost(priced, one)[at], charge.scale) for one in found if one is not None)
        told.append(f"`{charge.name}` comes to {decimal(low)} to {decimal(high)}")
    return "; ".join(told)


def _fewest(space: Space) -> list[Requirement]:
    """Rules that leave nothing together, and something once any one of them is left out."""
    kept = list(space.requires)
    for rule in space.requires:
        rest = tuple(other for other in kept if other is not rule)
        if not _something(evolve(space, requires=rest)):
            kept = list(rest)
    return kept


def _no_width(space: Space, number: int, block: Span) -> Diagnostic:
    message = f"stage {number} has no legal layer: no option of `qkv` is a multiple of an option of `heads`"
    help_ = "derive it, `qkv = heads * head_dim`, or change one of them"
    return Diagnostic("E0345", message, Label(block), (), (_options(space, number, {"heads", "qkv"}),), help_)


def _points(space: Space, number: int, layers: bool) -> Iterator[_Point]:
    """What a stage may be under these rules, and what each of its layers may be."""
    left = legal(space)
    if not isinstance(left, Legal):
        return
    cells = left.stages[number - 1]
    before = left.stages[number - 2] if number > 1 else ()
    pairs = sorted(left.links[number - 2]) if number > 1 else [(-1, j) for j in range(len(cells))]
    for i, j in pairs:
        previous = _steady(space, number - 1, before[i]) if number > 1 else None
        names = _steady(space, number, cells[j])
        if layers:
            for layer in _layers(space, number, cells[j], names):
                yield _Point({**names, **layer}, previous)
        else:
            yield _Point(names, previous)


def _steady(space: Space, number: int, cell: LegalCell) -> dict[str, Number]:
    """The numbers that a cell of a stage has, those that are the same in all its layers included."""
    names = {**constants(space.frame), "depth": cell.depth, "embed": cell.embed}
    layer = next(_layers(space, number, cell, names), {})
    return names | {name: layer[name] for name in steady(space.stages[number - 1]) if name in layer}


def _layers(space: Space, number: int, cell: LegalCell, names: Values) -> Iterator[dict[str, Number]]:
    stage, side = space.stages[number - 1], space.frame.side(number - 1)
    for layer in cell.options:
        values = numbers(layer, side)
        match stage.head_dim:
            case Settled(int() as width):
                values["head_dim"] = width
            case Derived(expression):
                try:
                    width_ = evaluate(expression, {**names, **values})
                except (UndefinedValue, KeyError):
                    continue
                assert not isinstance(width_, bool)
                values["head_dim"] = width_
        yield values


def _options(space: Space, number: int, names: Sequence[str] | set[str]) -> str:
    """What the names of a rule may be in a stage."""
    said = []
    for name, dimension in dimensions(space.stages[number - 1]):
        if name not in names:
            continue
        match dimension:
            case Settled(value):
                said.append(f"{name} is {value if isinstance(value, str) else decimal(value)}")
            case Searched(values):
                shown = [v if isinstance(v, str) else decimal(v) for v in values]
                few = shown if len(shown) <= 8 else [*shown[:3], "…", *shown[-3:]]
                said.append(f"{name} is one of {', '.join(few)}")
            case Derived(expression):
                said.append(f"{name} is {show(expression)}")
    return f"in stage {number}, {'; '.join(said)}" if said else ""
