"""Which statement stands in which scope; unknown, misplaced and repeated ones are reported here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from attrs import define, field, frozen

from spacelang.diagnostics import Diagnostic, Label, listed, nearest
from spacelang.source import Span
from spacelang.syntax import tree

EDITIONS = (2026,)
Line = tree.Setting | tree.Choice

ROOT = ("image", "patch", "channels", "classes", "head_dim", "position", "token", "pool", "stem_norm")
STAGE = ("depth", "embed", "head_dim")
LAYER = ("heads", "qkv", "mlp", "window", "head_dim")
RECIPES = ("train", "evolve")


@frozen
class Rule:
    """A `require` of the space. stage: the only stage it speaks of, or None."""

    level: Literal["stage", "layer"]
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
    meant: set[str] = field(factory=set)  # by names that were misspelt: these are not missing


def outline(file: tree.File, found: list[Diagnostic]) -> Outline:
    """The statements of a file by scope."""
    layout = Outline()
    top = Span(0, 1)
    for index, statement in enumerate(file.statements):
        match statement:
            case tree.Edition():
                _edition(layout, statement, index, found)
            case tree.SpaceName(name, span):
                if layout.name is not None:
                    found.append(Diagnostic("E0203", "a file describes one space", Label(span)))
                layout.name = name.text
            case tree.Setting() | tree.Choice():
                _line(statement, ROOT, "the root", layout.root, layout, found)
            case tree.Block(head=tree.Word("stage"), each=True, body=body):
                _stage_body(body, None, layout.each_stage, layout.each_layer, layout, found)
            case tree.Block(head=tree.Word("stage"), number=tree.Literal()):
                _stage(layout, statement, found)
            case tree.Block(head=tree.Word("layer"), each=True, body=body):
                _layer_body(body, layout.each_layer, layout, found)
            case tree.Block(head=head, each=False, number=None) if head.text in RECIPES:
                if head.text in layout.recipes:
                    found.append(_repeated(head, layout.recipes[head.text].span))
                layout.recipes[head.text] = statement
            case tree.Block():
                found.append(_unknown_block(statement))
            case tree.Require():
                _rule(statement, None, layout, found)
    if layout.edition is None:
        found.append(
            Diagnostic("E0201", "the edition is missing", Label(top), help="begin the file with `edition 2026`")
        )
    if layout.name is None:
        found.append(
            Diagnostic("E0202", "the space has no name", Label(top), help="write `space NAME` under the edition")
        )
    _numbered(layout, found)
    return layout


def _edition(layout: Outline, statement: tree.Edition, index: int, found: list[Diagnostic]) -> None:
    number = statement.number
    if layout.edition is not None:
        found.append(Diagnostic("E0203", "a file has one edition", Label(statement.span)))
    elif index:
        found.append(Diagnostic("E0204", "the edition is the first statement of a file", Label(statement.span)))
    if number.value not in EDITIONS:
        known = listed([str(e) for e in EDITIONS])
        found.append(
            Diagnostic("E0205", f"there is no edition {number.value}", Label(number.span), help=f"write {known}")
        )
    layout.edition = int(number.value)


def _stage(layout: Outline, block: tree.Block, found: list[Diagnostic]) -> None:
    assert block.number is not None
    value = block.number.value
    if value.denominator != 1 or not 1 <= value <= 16:
        found.append(Diagnostic("E0206", "stages are numbered 1, 2, 3, … up to 16", Label(block.number.span)))
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
            case tree.Block(head=tree.Word("layer"), each=True, body=inner):
                _layer_body(inner, layer, layout, found)
            case tree.Block():
                found.append(_unknown_block(statement))
            case tree.Require():
                _rule(statement, number, layout, found)
            case tree.Edition() | tree.SpaceName():
                found.append(_only_at_root(statement))


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
                        help="write `require each layer: …` outside it",
                    )
                )
            case tree.Block():
                found.append(_unknown_block(statement))
            case tree.Edition() | tree.SpaceName():
                found.append(_only_at_root(statement))


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
    else:
        found.append(_misplaced(name, known, where))
        layout.meant.add(nearest(name.text, known) or name.text)


def _misplaced(name: tree.Word, known: tuple[str, ...], where: str) -> Diagnostic:
    homes: Mapping[str, tuple[str, ...]] = {
        "at the root, outside all blocks": ROOT,
        "in a stage, such as `each stage { … }`": STAGE,
        "in `each layer { … }`, inside a stage": LAYER,
    }
    for home, names in homes.items():
        if name.text in names:
            return Diagnostic(
                "E0208", f"`{name.text}` does not belong to {where}", Label(name.span), help=f"write it {home}"
            )
    near = nearest(name.text, known) or nearest(name.text, {*ROOT, *STAGE, *LAYER})
    return Diagnostic(
        "E0207",
        f"`{name.text}` is nothing that {where} has",
        Label(name.span),
        help=f"did you mean `{near}`?" if near else f"there are {listed(known, 'and')}",
    )


def _unknown_block(block: tree.Block) -> Diagnostic:
    known = ("stage", "layer", *RECIPES)
    word = block.head.text
    if word in ("stage", "layer"):
        help_ = f"write `each {word} {{`" + (" or `stage 1 {`" if word == "stage" else ", inside a stage")
        return Diagnostic("E0213", f"this `{word}` block is not in its place", Label(block.span), help=help_)
    near = nearest(word, known)
    blocks = "the blocks are `each stage`, `stage 1`, `each layer`, `train` and `evolve`"
    return Diagnostic(
        "E0214",
        f"there is no block `{word}`",
        Label(block.span),
        help=f"did you mean `{near}`?" if near else blocks,
    )


def _rule(statement: tree.Require, stage: int | None, layout: Outline, found: list[Diagnostic]) -> None:
    match statement.each:
        case None:
            found.append(
                Diagnostic(
                    "E0215",
                    "this require does not say what it speaks of",
                    Label(statement.span),
                    help="write `require each stage: …` or `require each layer: …`; a bound on the whole "
                    "network, such as `require flops <= 4.5G`, stands in `evolve { … }`",
                )
            )
        case tree.Word("stage" | "layer" as level):
            layout.rules.append(Rule(level, stage, statement))
        case tree.Word(text, span):
            near = nearest(text, ("stage", "layer"))
            help_ = f"did you mean `{near}`?" if near else "write `each stage` or `each layer`"
            found.append(Diagnostic("E0216", f"there is no `each {text}`", Label(span), help=help_))


def _numbered(layout: Outline, found: list[Diagnostic]) -> None:
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


def _repeated(name: tree.Word, first: Span, what: str | None = None) -> Diagnostic:
    return Diagnostic(
        "E0217",
        f"`{what or name.text}` is said twice in the same place",
        Label(name.span, "again here"),
        others=(Label(first, "first here"),),
    )


def _only_at_root(statement: tree.Edition | tree.SpaceName) -> Diagnostic:
    return Diagnostic("E0218", "this stands at the head of a file, outside all blocks", Label(statement.span))
