"""Which statement stands in which scope; unknown, misplaced and repeated ones are reported here."""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType
from typing import Literal

from attrs import define, field, frozen

from spacelang.architecture import MOST_STAGES
from spacelang.check import head
from spacelang.check.blocks import RECIPES, unknown_block
from spacelang.check.bounds import measure_in
from spacelang.check.declared import Declarations, declared
from spacelang.check.misplaced import LAYER, ROOT, STAGE, misplaced
from spacelang.diagnostics import MOST_FINDINGS, Diagnostic, Fix, Label, nearest
from spacelang.expression import Name, totals, walk
from spacelang.language.meant import meant
from spacelang.source import Span
from spacelang.syntax import tree

Line = tree.Setting | tree.Choice


@frozen
class Rule:
    """A `require` of the space. stage: the only stage it speaks of, or None."""

    level: Literal["network", "stage", "layer"]
    stage: int | None
    statement: tree.Require


@define
class StageOutline:
    """The lines of one stage block, and those that it says of each layer."""

    block: tree.Block
    lines: dict[str, Line] = field(factory=dict)
    layer: dict[str, Line] = field(factory=dict)


@define
class Outline:
    """A file in its scopes. Each mapping is from a name to the line that says it."""

    edition: int | None = None
    name: str | None = None
    root: dict[str, Line] = field(factory=dict)
    each_stage: dict[str, Line] = field(factory=dict)
    each_layer: dict[str, Line] = field(factory=dict)
    stages: dict[int, StageOutline] = field(factory=dict)
    rules: list[Rule] = field(factory=list)
    recipes: dict[str, tree.Block] = field(factory=dict)
    measures: Declarations = field(factory=dict)  # of one's own, inherited ones too
    meant: set[str] = field(factory=set)  # by names that were misspelt: these are not missing


def outline(file: tree.File, found: list[Diagnostic], inherited: Declarations = MappingProxyType({})) -> Outline:
    """The statements of a file by scope. inherited: the measures that the files before it declare."""
    layout = Outline(measures=declared(file, inherited, found))
    for index, statement in enumerate(file.statements):
        match statement:
            case tree.Edition():
                layout.edition = head.edition(statement, index, layout.edition, found)
            case tree.SpaceName(name, span):
                if layout.name is not None:
                    help_ = "give the other a file of its own"
                    found.append(Diagnostic("E0203", "a file describes one space", Label(span), help=help_))
                layout.name = name.text
            case tree.MeasureStatement():
                pass  # declared above
            case tree.Extends():
                pass  # where it may stand, and what it brings, is the business of the lineage
            case tree.Setting() | tree.Choice():
                _line(statement, ROOT, "the root", layout.root, layout, found)
            case tree.Block(head=tree.Identifier("stage"), each=True, body=body):
                _stage_body(body, None, layout.each_stage, layout.each_layer, layout, found)
            case tree.Block(head=tree.Identifier("stage"), number=tree.Literal() as number):
                _stage(layout, statement, number, found)
            case tree.Block(head=tree.Identifier("layer"), each=True, body=body):
                _layer_body(body, layout.each_layer, layout, found)
            case tree.Block(head=word, each=False, number=None) if word.text in RECIPES:
                if word.text in layout.recipes:
                    found.append(_repeated(word, layout.recipes[word.text].span))
                layout.recipes[word.text] = statement
            case tree.Block():
                match unknown_block(statement, "the root", found):
                    case "layer":
                        _layer_body(statement.body, layout.each_layer, layout, found)
                    case "each stage" | "stage" as meant_:
                        if meant_ == "stage":
                            layout.meant.add("stage")
                        _stage_body(statement.body, None, layout.each_stage, layout.each_layer, layout, found)
                    case int(value):
                        _stage(layout, statement, tree.Literal(value, statement.head.span), found)
            case tree.Require():
                _rule(statement, None, "network", layout, found)
    head.complete(layout.edition, layout.name, found)
    return layout


def _stage(layout: Outline, block: tree.Block, literal: tree.Literal, found: list[Diagnostic]) -> None:
    value = literal.value
    if value.denominator != 1 or not 1 <= value <= MOST_STAGES:
        message = f"stages are numbered 1, 2, 3, … up to {MOST_STAGES}"
        help_ = "the first stage is stage 1" if value == 0 else "number them in the order in which they follow"
        found.append(Diagnostic("E0206", message, Label(literal.span), help=help_))
        layout.meant.add("stage")
        return
    number = int(value)
    if number in layout.stages:
        found.append(_repeated(block.head, layout.stages[number].block.span, f"stage {number}"))
        return
    stage = layout.stages[number] = StageOutline(block)
    _stage_body(block.body, number, stage.lines, stage.layer, layout, found)


def _stage_body(
    body: Iterable[tree.Statement],
    number: int | None,
    lines: dict[str, Line],
    layer: dict[str, Line],
    layout: Outline,
    found: list[Diagnostic],
) -> None:
    for statement in body:
        match statement:
            case tree.Setting() | tree.Choice():
                _line(statement, STAGE, "a stage", lines, layout, found)
            case tree.Block(head=tree.Identifier("layer"), each=True, body=inner):
                _layer_body(inner, layer, layout, found)
            case tree.Block():
                if unknown_block(statement, "a stage", found) == "layer":
                    own = layer if statement.number is None else {}
                    _layer_body(statement.body, own, layout, found)
                    layer |= own | layer  # what two numbered layers say is not said twice in one place
            case tree.Require():
                _rule(statement, number, "stage", layout, found)
            case tree.Edition() | tree.SpaceName() | tree.Extends() | tree.MeasureStatement():
                found.append(head.inside_a_block(statement))


def _layer_body(
    body: Iterable[tree.Statement], layer: dict[str, Line], layout: Outline, found: list[Diagnostic]
) -> None:
    for statement in body:
        match statement:
            case tree.Setting() | tree.Choice():
                _line(statement, LAYER, "a layer", layer, layout, found)
            case tree.Require(span=span):
                found.append(
                    Diagnostic(
                        "E0209",
                        "a layer's block holds settings and choices alone",
                        Label(span),
                        help="write `require each layer: …` outside it: in the stage, or at the root",
                    )
                )
            case tree.Block():
                if unknown_block(statement, "a layer", found) == "layer":
                    _layer_body(statement.body, layer, layout, found)
            case tree.Edition() | tree.SpaceName() | tree.Extends() | tree.MeasureStatement():
                found.append(head.inside_a_block(statement))


def _line(
    line: Line,
    known: tuple[str, ...],
    where: str,
    scope: dict[str, Line],
    layout: Outline,
    found: list[Diagnostic],
) -> None:
    name = line.name
    if name.text in scope:
        found.append(_repeated(name, scope[name.text].name.span))
    elif name.text in known:
        scope[name.text] = line
    elif len(found) < 2 * MOST_FINDINGS:
        found.append(misplaced(name, known, where))
        if found[-1].code == "E0234":
            layout.name = layout.name or name.text
        layout.meant.add(meant(name.text, {*ROOT, *STAGE, *LAYER}) or name.text)


def _rule(
    statement: tree.Require,
    stage: int | None,
    whole: Literal["network", "stage"],
    layout: Outline,
    found: list[Diagnostic],
) -> None:
    """whole: of what a total speaks that stands here without `each`."""
    match statement.each:
        case None if totals(statement.condition) and not measure_in(statement.condition, layout.measures):
            layout.rules.append(Rule(whole, stage, statement))
        case None:
            found.append(_of_nothing(statement, layout.measures))
        case tree.Identifier("stage" | "layer" as level):
            layout.rules.append(Rule(level, stage, statement))
        case tree.Identifier(text, span):
            near = nearest(text, ("stage", "layer"))
            help_ = f"did you mean `each {near}`?" if near else "write `each stage` or `each layer`"
            fix = Fix(span, near) if near else None
            found.append(Diagnostic("E0216", f"there is no `each {text}`", Label(span), help=help_, fix=fix))


def _of_nothing(statement: tree.Require, declared: Declarations) -> Diagnostic:
    if measure := measure_in(statement.condition, declared):
        return out_of_a_recipe(measure, "the space")
    help_ = "write `require each stage: …` or `require each layer: …`"
    if named := next((part for part in walk(statement.condition) if isinstance(part, Name)), None):
        help_ += f"; of the whole network, a total: `require sum({named.name}) …`" if named.name in STAGE else ""
    return Diagnostic("E0215", "this require does not say what it speaks of", Label(statement.span), help=help_)


def out_of_a_recipe(measure: Name, where: str) -> Diagnostic:
    """A bound on the whole network that does not stand in a recipe."""
    message = f"`{measure.name}` belongs to a whole network, and a bound on it to a recipe, not to {where}"
    help_ = f"write `evolve {{ require {measure.name} <= … }}`: the search keeps within it"
    notes = ("as a rule the supernet is trained over all of the space, so that one training serves every bound",)
    return Diagnostic("E0330", message, Label(measure.span or Span(0, 1)), notes=notes, help=help_)


def numbered(layout: Outline, found: list[Diagnostic]) -> None:
    """Report stages that are missing."""
    if "stage" in layout.meant:
        return  # one of them did not say its number
    if not layout.stages:
        found.append(
            Diagnostic("E0210", "the space has no stage", Label(Span(0, 1)), help="add a block `stage 1 { … }`")
        )
    for number, stage in sorted(layout.stages.items()):
        if number > 1 and number - 1 not in layout.stages:
            found.append(
                Diagnostic(
                    "E0211",
                    f"stage {number} follows no stage {number - 1}",
                    Label(stage.block.span),
                    help="number the stages 1, 2, 3, … without a gap",
                )
            )


def _repeated(name: tree.Identifier, first: Span, what: str | None = None) -> Diagnostic:
    return Diagnostic(
        "E0217",
        f"`{what or name.text}` is said twice in the same place",
        Label(name.span, "again here"),
        others=(Label(first, "first here"),),
        help="keep one of them",
    )
