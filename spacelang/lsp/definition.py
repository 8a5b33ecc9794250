"""From a name to the line that decides it, and from a path to the file that it names."""

from __future__ import annotations

import posixpath
import re

from attrs import frozen

from spacelang.check.lineage import Loader, lineage
from spacelang.lsp.context import context
from spacelang.lsp.declared import declarations
from spacelang.lsp.places import deciding, places, stages
from spacelang.source import Source, Span
from spacelang.syntax import tree


@frozen
class Target:
    """A place in a text that may be another one than that at hand."""

    source: Source
    span: Span


def path_at(file: tree.File, offset: int) -> tree.Identifier | None:
    """The path of another space that stands at an offset."""
    for statement in file.statements:
        if isinstance(statement, tree.Extends) and statement.path.span.start <= offset <= statement.path.span.end:
            return statement.path
    return None


def definition(source: Source, offset: int, load: Loader) -> tuple[Target, ...]:
    """Where what stands at an offset is decided: in each stage that the place speaks of, the nearest line."""
    members = lineage(source, load).members
    path = path_at(members[-1].file, offset)
    if path is not None:
        other = load(posixpath.normpath(posixpath.join(posixpath.dirname(source.name), path.text)))
        return (Target(other, Span(0, 0)),) if isinstance(other, Source) else ()
    match = next((m for m in re.finditer(r"[A-Za-z_]\w*", source.text) if m.start() <= offset <= m.end()), None)
    if match is None or context(source.text, offset).quiet:
        return ()
    within = context(source.text, match.start())
    name, known = match.group(), places(members)
    measure = declarations(source, load).get(name)
    if measure is not None and not deciding(known, name, None):
        return (Target(measure.span.source or source, measure.name.span),)
    if within.level in ("train", "evolve", "mutate", "refine", "steps"):
        occurrences = [p for p in known if p.line.name.text == name and p.level == within.level][-1:]
    elif within.level == "root" and any(p.line.name.text == name and p.level == "root" for p in known):
        occurrences = [p for p in [deciding(known, name, None)] if p]
    else:
        spoken_of = (within.stage,) if within.stage else stages(members)
        if source.text[: match.start()].endswith("previous."):
            spoken_of = tuple(number - 1 for number in spoken_of if number > 1)
        occurrences = [p for number in spoken_of if (p := deciding(known, name, number))]
    targets: list[Target] = []
    for place in occurrences:
        target = Target(place.source, place.line.name.span)
        if target not in targets:
            targets.append(target)
    return tuple(targets)
