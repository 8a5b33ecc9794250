"""The canonical layout of a text: two columns a level, `=` and `in` in a column, every comment where it belongs.

The same statements in the same order with the same comments; only blanks, line ends and the comma behind the
last option of a set change. What is laid out is laid out the same once more.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from attrs import evolve, frozen

from spacelang.diagnostics import Diagnostic, errors
from spacelang.source import Source
from spacelang.syntax.parse import parse
from spacelang.syntax.pieces import Node, Note, SourceBlock, SourceLine, pieces
from spacelang.syntax.wrap import WIDTH, WrappedLine, joined, rows

_GAP = 3  # blanks between code and the comment behind it


@frozen
class Formatted:
    """The text in canonical layout, or None and its syntax errors."""

    text: str | None
    diagnostics: tuple[Diagnostic, ...] = ()


def formatted(source: Source) -> Formatted:
    """A text in canonical layout. One with syntax errors is left alone."""
    wrong = errors(parse(source).diagnostics)
    if wrong:
        return Formatted(None, wrong)
    return Formatted(laid_out(pieces(source)))


def laid_out(nodes: Sequence[Node]) -> str:
    """Statements and comments as the text of a file."""
    return "".join(f"{line}\n" for line in _lines(_body(nodes, 0)))


def _body(nodes: Sequence[Node], indent: int) -> list[WrappedLine | None]:
    """The rows of a block's statements, or of a file's; None is an empty line."""
    written = [_node(node, indent, pad) for node, pad in zip(nodes, _pads(nodes), strict=True)]
    wide = [isinstance(node, SourceBlock) and len(own) > 1 for node, own in zip(nodes, written, strict=True)]
    body: list[WrappedLine | None] = []
    for at, own in enumerate(written):
        if at and _apart(nodes, wide, at, root=indent == 0):
            body.append(None)
        body += own
    return body


def _apart(nodes: Sequence[Node], wide: Sequence[bool], at: int, root: bool) -> bool:
    """Whether an empty line stands before a node: where the author left one, and around a block of several lines
    at the root, elsewhere between two such blocks. Comments right before a node go with it."""
    if nodes[at].blank:
        return True
    if isinstance(nodes[at - 1], Note):
        return False
    target = at
    while isinstance(nodes[target], Note) and target + 1 < len(nodes) and not nodes[target + 1].blank:
        target += 1
    return wide[at - 1] or wide[target] if root else wide[at - 1] and wide[target]


def _pads(nodes: Sequence[Node]) -> list[int]:
    """For each node, the blanks that bring its `=` or `in` into the column of its run: settings and choices that
    neither an empty line nor another statement divides."""
    widths: list[int] = []  # of the names of each run
    runs: list[int] = []  # the number of each node's run
    for node in nodes:
        aligned = _is_aligned(node)
        if not widths or node.blank or not (aligned or isinstance(node, Note)):
            widths.append(0)
        if aligned:
            widths[-1] = max(widths[-1], _name(node))
        runs.append(len(widths) - 1)
    return [widths[run] - _name(node) if _is_aligned(node) else 0 for node, run in zip(nodes, runs, strict=True)]


def _is_aligned(node: Node) -> bool:
    """Whether a node is a setting or a choice."""
    return isinstance(node, SourceLine) and node.pieces[0].kind == "NAME"


def _name(node: Node) -> int:
    """The length of a line's first word."""
    return len(node.pieces[0].text) if isinstance(node, SourceLine) else 0


def _node(node: Node, indent: int, pad: int) -> list[WrappedLine | None]:
    match node:
        case Note(text):
            return [WrappedLine(indent, text)]
        case SourceLine(parts, behind=behind):
            return _behind(list(rows(parts, indent, pad)), behind)
        case SourceBlock(head, opening=opening, body=body, behind=behind):
            title = joined(head)
            if not body and not opening:
                return _behind([WrappedLine(indent, f"{title} {{}}")], behind)
            single = _single(evolve(node, behind=[]))
            if single and indent + len(single) <= WIDTH:
                return _behind([WrappedLine(indent, single)], behind)
            opened = _behind([WrappedLine(indent, f"{title} {{")], opening)
            return [*opened, *_body(body, indent + 2), *_behind([WrappedLine(indent, "}")], behind)]


def _single(node: Node) -> str | None:
    """A statement on one line, unless it is a block that its author wrote on several, or holds a comment."""
    match node:
        case SourceLine(parts, behind=[]):
            written = rows(parts, 0)
            return written[0].code if len(written) == 1 else None
        case SourceBlock(head, opening=[], body=[inner], together=True, behind=[]):
            inside = _single(inner)
            return f"{joined(head)} {{ {inside} }}" if inside else None
        case _:
            return None


def _behind(own: list[WrappedLine], comments: Sequence[str]) -> list[WrappedLine | None]:
    """Rows with the comment behind the last of them, and those that go on below it."""
    if not comments:
        return [*own]
    last = own[-1]
    return [
        *own[:-1],
        WrappedLine(last.indent, last.code, comments[0]),
        *(WrappedLine(last.indent, "", c) for c in comments[1:]),
    ]


def _lines(body: Sequence[WrappedLine | None]) -> list[str]:
    """The rows as text. The comments behind neighbouring rows of one level stand in a column."""
    lines: list[str] = []
    for key, group in groupby(body, _level):
        if key is None:
            lines.append("")
            continue
        indent, commented = key
        together = [row for row in group if row]
        width = max(len(row.code) for row in together) + _GAP
        for row in together:
            text = f"{row.code.ljust(width)}{row.comment}" if commented else row.code
            lines.append(" " * indent + text)
    return lines


def _level(row: WrappedLine | None) -> tuple[int, bool] | None:
    """What neighbouring rows share that are written together; None for an empty line."""
    return (row.indent, bool(row.comment)) if row else None
