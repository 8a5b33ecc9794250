"""The outline of a text: its blocks and the lines in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from attrs import frozen

from spacelang.source import Source, Span
from spacelang.syntax import parse, tree
from spacelang.syntax.parse import tokens

Kind = Literal["space", "block", "setting", "choice", "rule", "measure"]


@frozen
class Symbol:
    """Something that an outline lists. span: all of it; name_span: what is shown when it is chosen."""

    name: str
    detail: str
    kind: Kind
    span: Span
    name_span: Span
    children: tuple[Symbol, ...] = ()


def symbols(source: Source) -> tuple[Symbol, ...]:
    """The blocks and lines of a text, in order."""
    return tuple(_symbols(source, parse(source).file.statements, _ends(source)))


def _ends(source: Source) -> dict[int, int]:
    """Where each `{` is closed, by the offset of the brace."""
    ends: dict[int, int] = {}
    open_: list[int] = []
    for token in tokens(source):
        if token.type == "LBRACE":
            open_.append(token.start_pos or 0)
        elif token.type == "RBRACE" and open_:
            ends[open_.pop()] = token.end_pos or 0
    return ends


def _symbols(source: Source, statements: Iterable[tree.Statement], ends: dict[int, int]) -> Iterator[Symbol]:
    for statement in statements:
        match statement:
            case tree.SpaceName(name, span):
                yield Symbol(name.text, "space", "space", span, name.span)
            case tree.MeasureStatement(name, unit, span):
                yield Symbol(name.text, f"measure {unit.text if unit else ''}".strip(), "measure", span, name.span)
            case tree.Setting(name, _, span):
                detail = source.text[name.span.end : span.end].strip()
                yield Symbol(name.text, " ".join(detail.split()), "setting", span, name.span)
            case tree.Choice(name, domain, span):
                yield Symbol(
                    name.text, f"in {' '.join(source.excerpt(domain.span).split())}", "choice", span, name.span
                )
            case tree.Block(body=body, span=span):
                inner = tuple(_symbols(source, body, ends))
                brace = source.text.find("{", span.end)
                last = max([span.end, *(child.span.end for child in inner)])
                title = " ".join(source.excerpt(span).rstrip("{ \t").split())
                yield Symbol(title, "", "block", Span(span.start, max(ends.get(brace, last), last)), span, inner)
            case tree.Require(span=span):
                words = " ".join(source.excerpt(span).split())
                yield Symbol(words, "", "rule", span, span)
            case _:
                pass
