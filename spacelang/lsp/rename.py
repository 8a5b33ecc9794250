"""Renaming: of the space, and of the measures that it declares, since nothing else in a text is a name that its
author gave."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from attrs import frozen

from spacelang.check.declared import no_name
from spacelang.diagnostics import Fix
from spacelang.expression import Name, walk
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
    statements = parse(source).file.statements
    given = [s.name.span for s in statements if isinstance(s, tree.SpaceName)]
    given += [span for name in _declared(statements) for span in _places(statements, name)]
    for span in given:
        if span.start <= offset <= span.end:
            return span
    match = next((m for m in re.finditer(r"\w+", source.text) if m.start() <= offset <= m.end()), None)
    if match is None:
        return Refused("nothing here has a name: only the space itself, and what it measures, can be renamed")
    word = match.group()
    if word[0].isdigit():
        return Refused(f"`{word}` is a number: only the space itself, and what it measures, can be renamed")
    if word in KEYWORDS or meaning(word) is not None:
        return Refused(f"`{word}` is a word of the language, the same in every space, and cannot be renamed")
    return Refused(f"`{word}` is neither the name of the space nor of a measure that this file declares")


def rename(source: Source, offset: int, name: str) -> tuple[Fix, ...] | Refused:
    """What gives the space another name, or a measure that the text declares, wherever the text speaks of it."""
    span = renamable(source, offset)
    if isinstance(span, Refused):
        return span
    statements = parse(source).file.statements
    old = source.excerpt(span)
    if span in _places(statements, old):  # of a measure, and not of the space
        wrong = no_name(tree.Identifier(name, span))
        if wrong is not None:
            return Refused(f"{wrong.message}: {wrong.help}")
        if name in _declared(statements) and name != old:
            return Refused(f"`{name}` is declared already")
        return tuple(Fix(place, name) for place in _places(statements, old))
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        return Refused(f"`{name}` cannot be a name: write a word of letters, digits and `_`")
    if name in KEYWORDS:
        return Refused(f"`{name}` is a word of the grammar and cannot be a name")
    return (Fix(span, name),)


def _declared(statements: Iterable[tree.Statement]) -> list[str]:
    return [statement.name.text for statement in statements if isinstance(statement, tree.MeasureStatement)]


def _places(statements: Iterable[tree.Statement], name: str) -> Iterator[Span]:
    """Where a measure is declared and spoken of, in order."""
    for statement in statements:
        match statement:
            case tree.MeasureStatement(name=word) if word.text == name:
                yield word.span
            case tree.Block(body=body):
                yield from _places(body, name)
            case tree.Require(condition=condition):
                for part in walk(condition):
                    if isinstance(part, Name) and part.name == name and part.span is not None:
                        yield part.span
