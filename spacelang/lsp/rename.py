"""Renaming: of the space alone, since nothing else in a text is a name that its author gave."""

from __future__ import annotations

import re

from attrs import frozen

from spacelang.diagnostics import Fix
from spacelang.language.vocabulary import KEYWORDS
from spacelang.language.words import meaning
from spacelang.source import Source, Span
from spacelang.syntax import parse, tree


@frozen
class Refused:
    """Why something cannot be renamed."""

    reason: str


def renamable(source: Source, offset: int) -> Span | Refused:
    """The name at an offset that a rename would replace."""
    for statement in parse(source).file.statements:
        if isinstance(statement, tree.SpaceName) and statement.name.span.start <= offset <= statement.name.span.end:
            return statement.name.span
    match = next((m for m in re.finditer(r"\w+", source.text) if m.start() <= offset <= m.end()), None)
    if match is None:
        return Refused("nothing here has a name: only the space itself can be renamed")
    word = match.group()
    if word[0].isdigit():
        return Refused(f"`{word}` is a number: only the space itself can be renamed")
    if word in KEYWORDS or meaning(word) is not None:
        return Refused(f"`{word}` is a word of the language, the same in every space, and cannot be renamed")
    return Refused(f"`{word}` is not the name of the space, which alone can be renamed")


def rename(source: Source, offset: int, name: str) -> tuple[Fix, ...] | Refused:
    """What gives the space another name."""
    span = renamable(source, offset)
    if isinstance(span, Refused):
        return span
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        return Refused(f"`{name}` cannot be a name: write a word of letters, digits and `_`")
    if name in KEYWORDS:
        return Refused(f"`{name}` is a word of the grammar and cannot be a name")
    return (Fix(span, name),)
