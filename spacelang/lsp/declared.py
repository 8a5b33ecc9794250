"""The measures that a text, and those that it is made from, declare."""

from __future__ import annotations

from spacelang.check.declared import unit
from spacelang.check.lineage import Loader, lineage
from spacelang.source import Source
from spacelang.syntax import tree


def declarations(source: Source, load: Loader) -> dict[str, tree.MeasureStatement]:
    """By name; of several declarations the eldest file's. Places in other files say in which they lie."""
    found: dict[str, tree.MeasureStatement] = {}
    for member in lineage(source, load).members:
        for statement in member.file.statements:
            if isinstance(statement, tree.MeasureStatement):
                found.setdefault(statement.name.text, statement)
    return found


def told(measure: tree.MeasureStatement) -> str:
    """What a declared measure is."""
    own = f", in {unit(measure)}" if measure.unit else ""
    return f"A measure that this space declares{own}: a table of what each block costs tells it."
