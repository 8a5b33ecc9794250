"""The recipes: how the space is trained, evolved and refined."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from spacelang.check.bounds import bounds_of, contradictions, joined, measured
from spacelang.check.head import inside_a_block
from spacelang.check.outline import Outline
from spacelang.check.values import number, spot, word
from spacelang.diagnostics import Diagnostic, Fix, Label, listed
from spacelang.expression import Binary, Constant, Expression, Name, Number, decimal
from spacelang.language.domain import Numbers, OneOf, SumOf
from spacelang.language.meant import advice, meant
from spacelang.language.recipes import INSIDE, LINES
from spacelang.language.word import Level
from spacelang.recipe import Bound, Evolve, Refine, Sandwich, Train
from spacelang.source import Span
from spacelang.syntax import tree


def train_recipe(layout: Outline, found: list[Diagnostic], under: Train = Train()) -> Train:
    """The `train` block over the defaults, or over another recipe."""
    block = layout.recipes.get("train")
    if block is None:
        return under
    values, rest = _settings(block, "train", under, found)
    bounds: list[Bound] = []
    for statement in rest:
        match statement:
            case tree.Setting(name=tree.Identifier("sandwich"), value=value):
                values["sandwich"] = _sandwich(value, found)
            case tree.Require(each=None | tree.Identifier("stage") as each, condition=condition):
                bounds += bounds_of(condition, found, layout.measures, each_stage=each is not None)
            case other:
                found.append(_foreign(other, "train"))
    found += _tabled(bounds, block, "train")
    recipe = attrs.evolve(under, **values, bounds=joined([*under.bounds, *bounds]))
    found += contradictions(recipe.bounds, block)
    if recipe.warmup >= recipe.epochs:
        message = f"a warm-up of {decimal(recipe.warmup)} epochs fills all {recipe.epochs} epochs of the training"
        note = "the learning rate rises during the warm-up, and falls after it"
        at = Label(_line_of(block, "warmup", "epochs"))
        help_ = "write a shorter `warmup`, or more `epochs`"
        found.append(Diagnostic("W0507", message, at, notes=(note,), help=help_))
    if recipe.batches == "split" and recipe.batch < recipe.sandwich.size:
        message = f"a batch of {recipe.batch} images has no part for each of {recipe.sandwich.size} networks"
        help_ = f"write `batch = {recipe.sandwich.size}` or more, or `batches = shared`"
        at = Label(_line_of(block, "batches", "batch", "sandwich"))
        found.append(Diagnostic("E0418", message, at, help=help_))
    if recipe.min_learning_rate > recipe.rate:
        message = f"`min_learning_rate` is more than the peak, which is {decimal(recipe.rate)}"
        help_ = "the rate falls from its peak: give a lower `min_learning_rate`, or a higher `learning_rate`"
        at = Label(_line_of(block, "min_learning_rate", "learning_rate"))
        found.append(Diagnostic("E0414", message, at, help=help_))
    return recipe


def evolve_recipe(layout: Outline, found: list[Diagnostic], under: Evolve = Evolve()) -> Evolve:
    """The `evolve` block over the defaults, or over another recipe."""
    block = layout.recipes.get("evolve")
    if block is None:
        return under
    values, rest = _settings(block, "evolve", under, found)
    bounds: list[Bound] = []
    for statement in rest:
        match statement:
            case tree.Block(head=tree.Identifier("mutate"), each=False, number=None) if "mutate" not in values:
                shares, others = _settings(statement, "mutate", under.mutate, found)
                found += [_foreign(other, "mutate") for other in others]
                values["mutate"] = attrs.evolve(under.mutate, **shares)
            case tree.Require(each=None | tree.Identifier("stage") as each, condition=condition):
                bounds += bounds_of(condition, found, layout.measures, each_stage=each is not None)
            case other:
                found.append(_foreign(other, "evolve"))
    recipe = attrs.evolve(under, **values, bounds=joined([*under.bounds, *bounds]))
    if recipe.crossover + recipe.mutation == 0 and recipe.generations:
        help_ = "give `crossover` or `mutation`, or write `generations = 0` for the first population alone"
        found.append(Diagnostic("E0404", "a generation has no children", Label(block.span), help=help_))
    found += contradictions(recipe.bounds, block)
    if recipe.parents > recipe.population:
        message = f"{recipe.parents} parents are more than the first population has, which is {recipe.population}"
        help_ = "give a larger `population`, or fewer `parents`"
        found.append(Diagnostic("W0506", message, Label(_line_of(block, "parents", "population")), help=help_))
    return recipe


def refine_recipe(layout: Outline, found: list[Diagnostic], under: Refine = Refine()) -> Refine:
    """The `refine` block over the defaults, or over another recipe."""
    block = layout.recipes.get("refine")
    if block is None:
        return under
    values, rest = _settings(block, "refine", under, found)
    bounds: list[Bound] = []
    for statement in rest:
        match statement:
            case tree.Block(head=tree.Identifier("steps"), each=False, number=None) if "steps" not in values:
                lengths, others = _settings(statement, "steps", under.steps, found)
                found += [_foreign(other, "steps") for other in others]
                values["steps"] = attrs.evolve(under.steps, **lengths)
            case tree.Require(each=None | tree.Identifier("stage") as each, condition=condition):
                bounds += bounds_of(condition, found, layout.measures, each_stage=each is not None)
            case other:
                found.append(_foreign(other, "refine"))
    found += _tabled(bounds, block, "refine")
    recipe = attrs.evolve(under, **values, bounds=joined([*under.bounds, *bounds]))
    if recipe.top > recipe.samples:
        message = f"the best {recipe.top} are more than all {recipe.samples} samples"
        help_ = f"write `top = {max(1, recipe.samples // 20)}`: the best in twenty"
        found.append(Diagnostic("E0416", message, Label(_line_of(block, "top", "samples")), help=help_))
    found += contradictions(recipe.bounds, block)
    return recipe


def _tabled(bounds: Sequence[Bound], block: tree.Block, where: str) -> Iterator[Diagnostic]:
    """What a table tells bounds a search alone: a refinement moves the space away from the blocks that the table
    has, and a training has none."""
    for measure in dict.fromkeys(bound.measure for bound in bounds if bound.of_a_table):
        reason = {
            "refine": "a table of it holds the blocks of one space, and this one moves",
            "train": "a training has no table of it",
        }[where]
        help_ = f"bound flops or params here, and {measure} in `evolve {{`"
        message = f"`{where}` has no bound on {measure}: {reason}"
        yield Diagnostic("E0417", message, Label(measured(block, measure)[-1]), help=help_)


def _line_of(block: tree.Block, *names: str) -> Span:
    """The place of the first of these settings that a recipe has, or of its header."""
    lines = {line.name.text: line.span for line in block.body if isinstance(line, tree.Setting)}
    return next((lines[name] for name in names if name in lines), block.span)


def _settings(
    block: tree.Block, level: Level, under: object, found: list[Diagnostic]
) -> tuple[dict[str, Any], list[tree.Statement]]:
    """The block's numbers and words by name, and the statements that are none. under: what holds besides."""
    known = {word.name: word.domain for word in LINES[level]}
    values: dict[str, Any] = {}
    places: dict[str, Span] = {}
    rest: list[tree.Statement] = []
    for statement in block.body:
        match statement:
            case tree.Setting(name=name, value=value) if name.text in known:
                if name.text in places:
                    label, first = Label(name.span, "again here"), Label(places[name.text], "first here")
                    message = f"`{name.text}` is said twice in the same place"
                    found.append(Diagnostic("E0217", message, label, others=(first,), help="keep one of them"))
                places[name.text] = name.span
                match known[name.text]:
                    case SumOf():
                        rest.append(statement)
                    case OneOf(words):
                        values[name.text] = word(value, words, found) or getattr(under, name.text)
                    case Numbers() as domain if (amount := _within(statement, domain, found)) is not None:
                        values[name.text] = amount
            case tree.Setting(name=name):
                names = _listed(level)
                ours = meant(name.text, names)
                help_ = advice(name.text, names) or f"there are {listed(names, 'and')}"
                message = f"`{name.text}` is nothing that `{block.head.text}` has"
                fix = Fix(name.span, ours) if ours else None
                found.append(Diagnostic("E0401", message, Label(name.span), help=help_, fix=fix))
            case _:
                rest.append(statement)
    return values, rest


def _listed(level: Level) -> list[str]:
    """The lines of a block: numbers before words."""
    return [word.name for word in sorted(LINES[level], key=lambda word: not isinstance(word.domain, Numbers))]


def _within(setting: tree.Setting, domain: Numbers, found: list[Diagnostic]) -> Number | None:
    value = number(setting.value, {}, found)
    if value is None:
        return None
    if value not in domain:
        message = f"`{setting.name.text}` cannot be {decimal(value)}: it is {domain}"
        nearest_ = min(max(value, domain.low), domain.high)
        help_ = f"write `{decimal(round(nearest_) if domain.whole else nearest_)}`"
        found.append(Diagnostic("E0402", message, Label(spot(setting.value)), help=help_))
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
    """The finding for a statement that a recipe does not have."""
    match statement:
        case tree.Choice(name=name, span=span):
            message = f"a recipe decides and does not search: `{name.text}` cannot be a choice here"
            return Diagnostic("E0406", message, Label(span), help=f"write `{name.text} = …`")
        case tree.Require(each=each, span=span) if each is not None:
            message = f"a rule of each {each.text} belongs to the space, not to `{where}`"
            return Diagnostic("E0411", message, Label(span), help="move it out of the block, to the root")
        case tree.Require(span=span):
            message = f"`{where}` has no bounds"
            help_ = "write the bound in the recipe itself, outside of this block"
            return Diagnostic("E0410", message, Label(span), help=help_)
        case tree.Block(head=head, span=span) if INSIDE.get(where) == head.text:
            message = f"`{head.text}` stands twice in the same place"
            return Diagnostic("E0413", message, Label(span), help="keep one of them, without `each` and number")
        case tree.Block(head=head, span=span):
            own = INSIDE.get(where)
            known = f"`{where}` has the block `{own}`" if own else f"`{where}` has no blocks"
            message = f"`{where}` has no block `{head.text}`"
            return Diagnostic("E0412", message, Label(span), help=f"{known}; recipes stand at the root")
        case tree.MeasureStatement():
            return inside_a_block(statement)
        case other:
            message = "this stands at the head of a file, outside all blocks"
            return Diagnostic("E0218", message, Label(other.span), help="move it to the top")
