"""The recipes: how the space is trained and evolved."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from math import ceil, floor
from typing import Any

import attrs
from attrs import frozen

from spacelang.check.outline import Outline
from spacelang.check.values import number, spot
from spacelang.diagnostics import Diagnostic, Label, listed, nearest
from spacelang.expression import Binary, Compare, Constant, Expression, Name, Number, Relation, decimal, walk
from spacelang.lower.cost import MEASURES
from spacelang.recipe import Bound, Evolve, Mutate, Sandwich, Train
from spacelang.source import Span
from spacelang.syntax import tree


@frozen
class Domain:
    """What a recipe's number may be."""

    low: Number
    high: Number
    whole: bool = False

    def __str__(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        return f"{kind} from {decimal(self.low)} to {decimal(self.high)}"


_SHARE = Domain(0, 1)
_COUNT = Domain(1, 10**9, whole=True)
_AMOUNT = Domain(0, 10**9)

TRAIN: Mapping[str, Domain] = {
    "epochs": _COUNT,
    "batch": _COUNT,
    "learning_rate": _AMOUNT,
    "min_learning_rate": _AMOUNT,
    "weight_decay": _AMOUNT,
    "warmup": _AMOUNT,
    "clip": _AMOUNT,
    "label_smoothing": _SHARE,
    "mixup": _AMOUNT,
    "cutmix": _AMOUNT,
    "rand_augment": Domain(0, 10),
    "erasing": _SHARE,
    "flip": _SHARE,
    "crop": _SHARE,
    "repeats": Domain(1, 100, whole=True),
    "drop_path": _SHARE,
    "ema": _SHARE,
    "holdout": Domain(Fraction(1, 1000), Fraction(9, 10)),
    "seed": Domain(0, 2**32 - 1, whole=True),
}
EVOLVE: Mapping[str, Domain] = {
    "population": _COUNT,
    "parents": _COUNT,
    "generations": Domain(0, 10**6, whole=True),
    "crossover": Domain(0, 10**6, whole=True),
    "mutation": Domain(0, 10**6, whole=True),
    "seed": Domain(0, 2**32 - 1, whole=True),
}
MUTATE: Mapping[str, Domain] = {"depth": _SHARE, "embed": _SHARE, "layer": _SHARE}


def train_recipe(layout: Outline, found: list[Diagnostic], under: Train = Train()) -> Train:
    """The `train` block over the defaults, or over another recipe."""
    block = layout.recipes.get("train")
    if block is None:
        return under
    values, rest = _settings(block, TRAIN, ("sandwich",), found)
    for statement in rest:
        match statement:
            case tree.Setting(name=tree.Word("sandwich"), value=value):
                values["sandwich"] = _sandwich(value, found)
            case other:
                found.append(_foreign(other, "train"))
    return attrs.evolve(under, **values)


def evolve_recipe(layout: Outline, found: list[Diagnostic], under: Evolve = Evolve()) -> Evolve:
    """The `evolve` block over the defaults, or over another recipe."""
    block = layout.recipes.get("evolve")
    if block is None:
        return under
    values, rest = _settings(block, EVOLVE, (), found)
    bounds: list[Bound] = []
    for statement in rest:
        match statement:
            case tree.Block(head=tree.Word("mutate"), each=False, number=None) if "mutate" not in values:
                shares, others = _settings(statement, MUTATE, (), found)
                found += [_foreign(other, "mutate") for other in others]
                values["mutate"] = Mutate(**shares)
            case tree.Require(each=None, condition=condition):
                bounds += _bounds(condition, found)
            case other:
                found.append(_foreign(other, "evolve"))
    recipe = attrs.evolve(under, **values, bounds=joined([*under.bounds, *bounds]))
    if recipe.crossover + recipe.mutation == 0 and recipe.generations:
        help_ = "give `crossover` or `mutation`, or write `generations = 0` for the first population alone"
        found.append(Diagnostic("E0404", "a generation has no children", Label(block.span), help=help_))
    for bound in recipe.bounds:
        if bound.low is not None and bound.high is not None and bound.low > bound.high:
            message = f"no {bound.measure} is at least {bound.low} and at most {bound.high}"
            found.append(Diagnostic("E0405", message, Label(block.span)))
    return recipe


def joined(bounds: Iterable[Bound]) -> tuple[Bound, ...]:
    """One bound a measure: all that were said of it hold together."""
    together: dict[str, Bound] = {}
    for bound in bounds:
        before = together.get(bound.measure, Bound(bound.measure, None, None))
        lows = [low for low in (before.low, bound.low) if low is not None]
        highs = [high for high in (before.high, bound.high) if high is not None]
        together[bound.measure] = Bound(bound.measure, max(lows, default=None), min(highs, default=None))
    return tuple(together[measure] for measure in sorted(together))


def _settings(
    block: tree.Block, domains: Mapping[str, Domain], others: tuple[str, ...], found: list[Diagnostic]
) -> tuple[dict[str, Any], list[tree.Statement]]:
    """The block's numbers by name, and the statements that are none of them."""
    values: dict[str, Any] = {}
    places: dict[str, Span] = {}
    rest: list[tree.Statement] = []
    for statement in block.body:
        match statement:
            case tree.Setting(name=name) if name.text in (*domains, *others):
                if name.text in places:
                    label, first = Label(name.span, "again here"), Label(places[name.text], "first here")
                    message = f"`{name.text}` is said twice in the same place"
                    found.append(Diagnostic("E0217", message, label, others=(first,)))
                places[name.text] = name.span
                if name.text in others:
                    rest.append(statement)
                elif (value := _within(statement, domains[name.text], found)) is not None:
                    values[name.text] = value
            case tree.Setting(name=name):
                known = (*domains, *others)
                near = nearest(name.text, known)
                help_ = f"did you mean `{near}`?" if near else f"there are {listed(known, 'and')}"
                message = f"`{name.text}` is nothing that `{block.head.text}` has"
                found.append(Diagnostic("E0401", message, Label(name.span), help=help_))
            case _:
                rest.append(statement)
    return values, rest


def _within(setting: tree.Setting, domain: Domain, found: list[Diagnostic]) -> Number | None:
    value = number(setting.value, {}, found)
    if value is None:
        return None
    if not domain.low <= value <= domain.high or (domain.whole and value.denominator != 1):
        message = f"`{setting.name.text}` cannot be {decimal(value)}: it is {domain}"
        found.append(Diagnostic("E0402", message, Label(spot(setting.value))))
        return None
    return value


def _sandwich(expression: Expression, found: list[Diagnostic]) -> Sandwich:
    """`largest + smallest + 2 * random` as counts."""
    kinds = [field.name for field in attrs.fields(Sandwich)]
    counts = dict.fromkeys(kinds, 0)
    terms = [expression]
    while terms:
        match terms.pop():
            case Binary("+", left, right):
                terms += [right, left]
            case Name(name) if name in counts:
                counts[name] += 1
            case Binary("*", Constant(int(times)), Name(name)) if name in counts and 0 < times <= 64:
                counts[name] += times
            case other:
                help_ = "such as `largest + smallest + 2 * random`"
                message = "a sandwich is a sum of largest, smallest and random, each with a count before it"
                found.append(Diagnostic("E0403", message, Label(spot(other)), help=help_))
                return Sandwich()
    return Sandwich(**counts)


def _foreign(statement: tree.Statement, where: str) -> Diagnostic:
    help_ = None
    match statement:
        case tree.Choice(name=name, span=span):
            message = f"a recipe decides and does not search: `{name.text}` cannot be a choice here"
            help_ = f"write `{name.text} = …`"
        case tree.Require(span=span):
            message = f"`{where}` holds no such require"
            help_ = "rules of stages and layers stand outside the recipes; bounds on the network in `evolve`"
        case tree.Block(head=head, span=span):
            message = f"`{where}` has no block `{head.text}`" if head.text != "mutate" else "`mutate` is said twice"
        case other:
            message, span = f"this does not belong into `{where}`", other.span
    return Diagnostic("E0406", message, Label(span), help=help_)


_MIRROR: Mapping[Relation, Relation] = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


def _bounds(condition: Expression, found: list[Diagnostic]) -> list[Bound]:
    """`4G <= flops <= 4.5G` as bounds on one measure."""
    match condition:
        case Compare(first, rest) if "!=" not in [relation for relation, _ in rest]:
            sides = (first, *(part for _, part in rest))
            bounds: list[Bound] = []
            for left, (relation, right) in zip(sides, rest, strict=False):
                one = _bound(left, relation, right, found)
                if one is None:
                    return []
                bounds.append(one)
            return bounds
    found.append(_no_bound(condition))
    return []


def _bound(left: Expression, relation: Relation, right: Expression, found: list[Diagnostic]) -> Bound | None:
    if isinstance(right, Name):
        left, relation, right = right, _MIRROR[relation], left
    mentioned = [part for part in walk(right) if isinstance(part, Name)]
    if not isinstance(left, Name) or mentioned:
        found.append(_no_bound(left))
        return None
    if left.name not in MEASURES:
        near = nearest(left.name, MEASURES)
        help_ = f"did you mean `{near}`?" if near else f"a bound speaks of {listed(MEASURES)}"
        message = f"`{left.name}` is no measure of a network"
        found.append(Diagnostic("E0407", message, Label(spot(left)), help=help_))
        return None
    value = number(right, {}, found)
    return None if value is None else bound_of(left.name, relation, value)


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


def _no_bound(expression: Expression) -> Diagnostic:
    return Diagnostic(
        "E0408",
        "a bound compares one measure with numbers",
        Label(spot(expression)),
        help="such as `require flops <= 4.5G` or `require 4G <= flops <= 4.5G`",
    )
