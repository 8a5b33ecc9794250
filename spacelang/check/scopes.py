"""The scopes of a file, and which of their lines speaks for a dimension of a stage: the nearest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import frozen

from spacelang.check.outline import Line, Outline
from spacelang.language.dimensions import LAYER_NAMES


@frozen
class ScopedLine:
    """The line that speaks for a dimension of a stage and the scope it stands in."""

    line: Line
    scope: str


@frozen
class Replaced:
    """A line that stands behind a nearer one: `stage`'s `name` is decided in `by` and not in `scope`."""

    stage: int
    name: str
    by: str
    scope: str


def replaced(layouts: Sequence[Outline]) -> tuple[Replaced, ...]:
    """Which lines give way to nearer ones, by stage. layouts: of the files of a lineage, the eldest first."""
    return tuple(
        Replaced(number, name, lines[0].scope, farther.scope)
        for number in sorted({number for layout in layouts for number in layout.stages})
        for name in LAYER_NAMES
        for lines in [candidates(layouts, number, name)]
        for farther in lines[1:]
    )


def candidates(layouts: Sequence[Outline], number: int, name: str) -> list[ScopedLine]:
    """The lines that could decide a dimension of a stage, the nearest first: by scope, then by file."""
    found: list[ScopedLine] = []
    for scope in (f"stage {number}, each layer", f"stage {number}", "each layer", "each stage", "the root"):
        for layout in reversed(layouts):
            line = _scope(layout, number, scope).get(name)
            if line is not None:
                source = line.span.source
                found.append(ScopedLine(line, f"{scope} of {source.name}" if source else scope))
    return found


def _scope(layout: Outline, number: int, scope: str) -> Mapping[str, Line]:
    stage = layout.stages.get(number)
    match scope:
        case "each layer":
            return layout.each_layer
        case "each stage":
            return layout.each_stage
        case "the root":
            return layout.root
        case _ if stage is None:
            return {}
        case _:
            return stage.layer if scope.endswith("each layer") else stage.lines
