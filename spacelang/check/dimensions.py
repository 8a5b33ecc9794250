"""The dimensions of each stage: of all lines that could speak for one, the nearest does."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from spacelang.architecture import Frame
from spacelang.check.choice import chosen, in_range
from spacelang.check.outline import Outline
from spacelang.check.scopes import candidates
from spacelang.check.values import number, spot
from spacelang.diagnostics import Diagnostic, Fix, Label, listed
from spacelang.expression import Binary, Expression, Name, Number, Previous, walk
from spacelang.language.dimensions import KNOWN, LAYER_NAMES, STAGE_DIMENSIONS, domain
from spacelang.language.word import ByStages
from spacelang.lower.layers import constants
from spacelang.names import outside_totals, undefined
from spacelang.space import Derived, Dimension, Searched, Settled, StageSpace, steady
from spacelang.syntax import tree


def stage_spaces(layout: Outline, frame: Frame, found: list[Diagnostic]) -> tuple[StageSpace, ...]:
    """The stages in order. Where one has errors, they are in `found` and a stand-in takes its place."""
    stages = tuple(_stage(layout, number, frame, found) for number in sorted(layout.stages))
    for at, stage in enumerate(stages):
        for dimension in (stage.depth, stage.embed):
            if isinstance(dimension, Derived):
                found += unsteady(dimension.expression, at + 1, stage, stages[at - 1] if at else None)
    return stages


def unsteady(
    expression: Expression, number: int, stage: StageSpace, before: StageSpace | None
) -> Iterator[Diagnostic]:
    """What an expression about a stage (from 1) names that differs from layer to layer there, or in the stage
    before."""
    for part in outside_totals(expression):
        match part:
            case Name(name) if name in LAYER_NAMES and name not in steady(stage):
                message = f"`{name}` is chosen anew in each layer of stage {number}, which has no one value of it"
                help_ = f"choose `{name}` once, in the stage itself, or speak of `each layer`"
                yield Diagnostic("E0317", message, Label(spot(part)), help=help_)
            case Previous(name) if before is not None and name in LAYER_NAMES and name not in steady(before):
                message = (
                    f"`{name}` is chosen anew in each layer of stage {number - 1}, which has no one value of it"
                )
                help_ = f"choose `{name}` once in that stage, outside `each layer`"
                yield Diagnostic("E0317", message, Label(spot(part)), help=help_)


def _stage(layout: Outline, number: int, frame: Frame, found: list[Diagnostic]) -> StageSpace:
    named = {name: _dimension(layout, number, name, frame, found) for name in LAYER_NAMES}
    stage = StageSpace(**named)
    _acyclic(stage, layout.stages[number].block, found)
    _window_fits_family(stage, layout, number, frame, found)
    return stage


def _dimension(layout: Outline, number: int, name: str, frame: Frame, found: list[Diagnostic]) -> Dimension:
    lines = candidates([layout], number, name)
    if not lines:
        return _default(layout, number, name, found)
    line = lines[0].line
    match line:
        case tree.Setting(value=value):
            return _decided(name, value, frame, found)
        case tree.Choice():
            return chosen(name, line, lines[0].scope, frame, found)


def _default(layout: Outline, number: int, name: str, found: list[Diagnostic]) -> Dimension:
    match KNOWN[name].default:
        case int() | Fraction() as value:
            return Settled(value)
        case Binary() as expression:
            return Derived(expression)
        case ByStages(one="global") if len(layout.stages) == 1:
            return Settled("global")
        case _ if name in layout.meant:
            return Settled(1)
        case _:
            block = layout.stages[number].block
            where = "`each layer { … }` inside it" if KNOWN[name].level == "layer" else "it"
            found.append(
                Diagnostic(
                    "E0228",
                    f"stage {number} does not say its `{name}`",
                    Label(block.span),
                    help=f"add `{name} = …` or `{name} in {{…}}` to {where}, or to `each stage` for all stages",
                )
            )
            return Settled(1)


def _decided(name: str, value: Expression, frame: Frame, found: list[Diagnostic]) -> Dimension:
    if domain(name).word == "global" and value == Name("global"):
        return Settled("global", span=value.span)
    names = constants(frame)
    if all(not isinstance(part, Previous) and not _free(part, names) for part in walk(value)):
        settled = number(value, names, found)
        if settled is not None:
            in_range(name, settled, spot(value), found)
        return Settled(settled if settled is not None else 1, span=value.span)
    scope = tuple(n for n in (*names, *LAYER_NAMES) if n != name)
    previous = LAYER_NAMES if name in STAGE_DIMENSIONS else ()
    problem = undefined(value, scope, "number", previous)
    if problem:
        found.append(problem)
    return Derived(value, span=value.span)


def _free(part: Expression, names: dict[str, Number]) -> bool:
    return isinstance(part, Name) and part.name not in names


def _acyclic(stage: StageSpace, block: tree.Block, found: list[Diagnostic]) -> None:
    """Derived dimensions must come to an end: none may need itself."""
    needs = {
        name: [
            other
            for other in LAYER_NAMES
            if isinstance(d := getattr(stage, name), Derived)
            and any(isinstance(part, Name) and part.name == other for part in walk(d.expression))
        ]
        for name in LAYER_NAMES
    }
    settled: set[str] = set()
    while ready := [n for n, parts in needs.items() if n not in settled and set(parts) <= settled]:
        settled |= set(ready)
    circle = [name for name in needs if name not in settled]
    if circle:
        dimension: Dimension = getattr(stage, circle[0])
        span = dimension.span or block.span
        found.append(
            Diagnostic(
                "E0322",
                f"{listed([f'`{n}`' for n in circle], 'and')} follow from one another in a circle",
                Label(span),
                help="settle one of them, or search it",
            )
        )


def _window_fits_family(
    stage: StageSpace, layout: Outline, number: int, frame: Frame, found: list[Diagnostic]
) -> None:
    """A class token, and relative positions for keys and values, are made for attention over all tokens."""
    reason = "a class token" if frame.token == "class" else "`position = relative`"
    if frame.token != "class" and "relative" not in frame.position:
        return
    window = stage.window
    if window == Settled("global") or window == Searched(("global",)):
        return
    span = window.span or layout.stages[number].block.span
    found.append(
        Diagnostic(
            "E0323",
            f"{reason} needs `window = global`",
            Label(span),
            help="write `window = global`, so that every token attends to every other",
            fix=Fix(span, "global") if isinstance(window, Settled) else None,
        )
    )
