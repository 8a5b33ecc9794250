"""Which tokens and comments of a text stand together: what the formatter lays out.

Comes in: a Source without syntax errors. Goes out: its statements in order, each with the comments behind it, and
the comments that stand on lines of their own. Unlike the tree, nothing is lost: parentheses, the way a number
is written, and where the author broke a line are all there.
"""

from __future__ import annotations

from attrs import define, field, frozen
from lark import Token

from spacelang.source import Source
from spacelang.syntax.foreign import comments
from spacelang.syntax.parse import tokens
from spacelang.syntax.scan import place


@frozen
class Lexeme:
    """A token or a comment. kind: the token's, or COMMENT. line: the number of its line."""

    kind: str
    text: str
    line: int
    column: int


@define
class Note:
    """A comment on a line of its own. blank: whether an empty line stands before it."""

    text: str
    blank: bool


@define
class SourceLine:
    """A statement that is no block: its tokens, with the comments inside its brackets. behind: the comment that
    follows it on its last line, and those that go on in the same column below."""

    pieces: list[Lexeme]
    blank: bool
    behind: list[str] = field(factory=list)


@define
class SourceBlock:
    """A block. opening: the comments behind its `{`. together: whether the author wrote it on one line."""

    head: list[Lexeme]
    blank: bool
    opening: list[str] = field(factory=list)
    body: list[Node] = field(factory=list)
    together: bool = False
    behind: list[str] = field(factory=list)


Node = Note | SourceLine | SourceBlock


def pieces(source: Source) -> list[Node]:
    """The statements and comments of a text."""
    marks = sorted((*tokens(source), *comments(source.text)), key=lambda token: place(token).start)
    return _Reader([_piece(source, mark) for mark in marks]).body()


def _piece(source: Source, token: Token) -> Lexeme:
    at = source.position(place(token).start)
    return Lexeme(token.type, str(token), at.line, at.column)


@define
class _Reader:
    """Reads nodes off a row of pieces. last: the line on which what was read so far ends."""

    row: list[Lexeme]
    at: int = 0
    last: int = 0

    def body(self) -> list[Node]:
        """The nodes up to the end of the block, or of the text."""
        nodes: list[Node] = []
        while self.at < len(self.row) and self.row[self.at].kind != "RBRACE":
            piece = self.row[self.at]
            if piece.kind == "_LINE":
                self.at += 1
            elif piece.kind == "COMMENT":
                nodes.append(Note(piece.text, self._blank(nodes)))
                self._take()
            else:
                nodes.append(self._statement(self._blank(nodes)))
        return nodes

    def _blank(self, before: list[Node]) -> bool:
        return bool(before) and self.row[self.at].line > self.last + 1

    def _take(self) -> Lexeme:
        piece = self.row[self.at]
        self.at, self.last = self.at + 1, piece.line
        return piece

    def _statement(self, blank: bool) -> SourceLine | SourceBlock:
        found: list[Lexeme] = []
        depth = 0
        while self.at < len(self.row):
            piece = self.row[self.at]
            opens_block = piece.kind == "LBRACE" and not depth and found[-1].kind != "IN"
            if opens_block:
                return self._block(found, blank)
            if not depth and piece.kind in ("_LINE", "RBRACE", "COMMENT"):
                break
            depth += {"LPAR": 1, "LBRACE": 1, "RPAR": -1, "RBRACE": -1}.get(piece.kind, 0)
            found.append(self._take())
        return SourceLine(found, blank, self._behind())

    def _block(self, head: list[Lexeme], blank: bool) -> SourceBlock:
        opened = self._take()
        opening = self._behind()
        body = self.body()
        closed = self._take()
        return SourceBlock(head, blank, opening, body, opened.line == closed.line, self._behind())

    def _behind(self) -> list[str]:
        """The comment on the line that was read last, and those that go on below it in its column."""
        found: list[Lexeme] = []
        at = self.at
        while at < len(self.row):
            piece = self.row[at]
            if piece.kind == "COMMENT" and (
                (piece.line == self.last and not found)
                or (found and piece.line == self.last + 1 and piece.column == found[0].column)
            ):
                found.append(piece)
                self.last, self.at = piece.line, at + 1
            elif piece.kind != "_LINE" or not found:
                break
            at += 1
        return [piece.text for piece in found]
