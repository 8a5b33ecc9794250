"""Which line of which file decides a name: the nearest scope's, and there the youngest file's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from attrs import frozen

from spacelang.check.lineage import LineageFile
from spacelang.lsp.context import CursorLevel
from spacelang.source import Source
from spacelang.syntax import tree

# From the farthest scope to the nearest: level, and whether it speaks of one stage alone.
_SCOPES: tuple[tuple[CursorLevel, bool], ...] = (
    ("root", False),
    ("stage", False),
    ("layer", False),
    ("stage", True),
    ("layer", True),
)


@frozen
class Occurrence:
    """A setting or a choice where it stands. stage: the only stage it speaks of, or None."""

    line: tree.Setting | tree.Choice
    level: CursorLevel
    stage: int | None
    source: Source

    @property
    def scope(self) -> str:
        """The scope as `inspect` names it."""
        within = f"stage {self.stage}" if self.stage else ""
        match self.level:
            case "root":
                return "the root"
            case "stage":
                return within or "each stage"
            case "layer":
                return f"{within}, each layer" if within else "each layer"
            case recipe:
                return recipe


def places(members: Sequence[LineageFile]) -> tuple[Occurrence, ...]:
    """All settings and choices of a lineage, the eldest file first."""
    return tuple(place for m in members for place in _places(m.file.statements, "root", None, m.source))


def _places(
    statements: Iterable[tree.Statement], level: CursorLevel, stage: int | None, source: Source
) -> Iterator[Occurrence]:
    for statement in statements:
        match statement:
            case tree.Setting() | tree.Choice():
                yield Occurrence(statement, level, stage, source)
            case tree.Block(head=tree.Identifier("stage"), number=number, body=body):
                one = int(number.value) if number and number.value.denominator == 1 else None
                yield from _places(body, "stage", one, source)
            case tree.Block(head=tree.Identifier("layer"), body=body):
                yield from _places(body, "layer", stage, source)
            case tree.Block(
                head=tree.Identifier("train" | "evolve" | "mutate" | "refine" | "steps" as recipe), body=body
            ):
                yield from _places(body, recipe, None, source)
            case _:
                pass


def stages(members: Sequence[LineageFile]) -> tuple[int, ...]:
    """The numbers of the stages that a lineage has."""
    numbers = {
        int(statement.number.value)
        for member in members
        for statement in member.file.statements
        if isinstance(statement, tree.Block) and statement.head.text == "stage" and statement.number
    }
    return tuple(sorted(numbers))


def speaking(known: Sequence[Occurrence], name: str, stage: int | None) -> list[Occurrence]:
    """The lines that could decide a name in a stage, or, where `stage` is None, for the whole space: the nearest
    first, which does. Of one scope, the youngest file is the nearest."""
    found = [
        place
        for place in reversed(known)
        if place.line.name.text == name
        and (place.level, place.stage is not None) in _SCOPES
        and (place.level == "root" if stage is None else place.stage in (None, stage))
    ]
    return sorted(found, key=lambda p: -_SCOPES.index((p.level, p.stage is not None)))


def deciding(known: Sequence[Occurrence], name: str, stage: int | None) -> Occurrence | None:
    """The line that decides a name in a stage, or, where `stage` is None, for the whole space."""
    return next(iter(speaking(known, name, stage)), None)
