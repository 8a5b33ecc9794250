"""One statement as rows of text: on one line where it fits, else broken inside its brackets.

A bracket is *open* when a comment stands in it or its author broke the line right behind it; and, where a
statement is too long for one line, every set of it, and every parenthesis that its author broke. An open bracket
has its content on rows of their own, two columns further in, as its author divided them; the rows of a set are
broken at commas alone. Every other bracket is on one line. So what is laid out is laid out the same once more.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from attrs import evolve, frozen

from spacelang.syntax.pieces import Lexeme

WIDTH = 100
_OPENERS, _CLOSERS = ("LPAR", "LBRACE"), ("RPAR", "RBRACE")
_TIGHT_BEFORE = {",", ")", "}", ":", ".", ".."}
_TIGHT_AFTER = {"(", "{", ".", ".."}


@frozen
class WrappedLine:
    """A line of text: how far in it begins, its code, and the comment behind that. A comment on a line of its own
    is code here; one that goes on below another has no code."""

    indent: int
    code: str
    comment: str = ""


def rows(pieces: Sequence[Lexeme], indent: int, pad: int = 0) -> list[WrappedLine]:
    """A statement. pad: blanks to put behind its first word, to bring `=` or `in` into a column."""
    return _Layout(_tidy(pieces), indent, pad).rows()


def joined(pieces: Sequence[Lexeme]) -> str:
    """Pieces on one line, one blank where blanks belong."""
    text = ""
    for at, piece in enumerate(pieces):
        text += _gap(pieces, at) + piece.text
    return text


def _gap(pieces: Sequence[Lexeme], at: int) -> str:
    """What stands before a piece."""
    if at == 0:
        return ""
    before, piece = pieces[at - 1], pieces[at]
    call = piece.kind == "LPAR" and before.kind == "NAME"
    tight = piece.text in _TIGHT_BEFORE or before.text in _TIGHT_AFTER or call or _sign(pieces, at - 1)
    return "" if tight else " "


def _sign(pieces: Sequence[Lexeme], at: int) -> bool:
    """Whether a piece is the minus of a negative, which clings to what follows."""
    operand = ("NUMBER", "NAME", "RPAR", "COMMENT")
    return pieces[at].kind == "MINUS" and (at == 0 or pieces[at - 1].kind not in operand)


def _tidy(pieces: Sequence[Lexeme]) -> list[Lexeme]:
    """The pieces with commas before the comments that stood before them."""
    tidy: list[Lexeme] = []
    for piece in pieces:
        at = len(tidy)
        if piece.kind == "COMMA":
            while tidy[at - 1].kind == "COMMENT":
                at -= 1
            piece = evolve(piece, line=tidy[at - 1].line)
        tidy.insert(at, piece)
    return tidy


class _Layout:
    """The layout of one statement; see above for when a bracket is open."""

    def __init__(self, pieces: list[Lexeme], indent: int, pad: int) -> None:
        self.pieces, self.indent, self.pad = pieces, indent, pad
        self.pairs, self.around = _brackets(pieces)
        self.ends = _ends(pieces)
        plain = [piece for at, piece in enumerate(pieces) if at not in self.ends]
        self.open = {opener for opener, closer in self.pairs.items() if self._asked(opener, closer)}
        if not self.open and indent + pad + len(joined(plain)) > WIDTH:
            self.open = {opener for opener, closer in self.pairs.items() if self._divided(opener, closer)}

    def _asked(self, opener: int, closer: int) -> bool:
        inside = self.pieces[opener + 1 : closer]
        if any(piece.kind == "COMMENT" for piece in inside):
            return True
        return bool(inside) and inside[0].line > self.pieces[opener].line

    def _divided(self, opener: int, closer: int) -> bool:
        if self.pieces[opener].kind == "LBRACE":
            return closer > opener + 1
        own = [at for at in range(opener + 1, closer) if self.around[at] == opener]
        return any(self.pieces[b].line > self.pieces[b - 1].line for b in (*own, closer))

    def rows(self) -> list[WrappedLine]:
        """The rows."""
        done: list[WrappedLine] = []
        row: list[Lexeme] = []  # the pieces of the row at hand
        inside: list[tuple[int, int]] = []  # the open brackets around it, each with the row on which it stands
        depth = 0

        def flush(comment: str = "") -> None:
            nonlocal row
            if row:
                code = self._code(row, first=not done)
                done.append(WrappedLine(self.indent + 2 * depth, code, comment))
            row = []

        for at, piece in enumerate(self.pieces):
            closes = bool(inside) and self.pairs[inside[-1][0]] == at
            if piece.kind == "COMMENT":
                if row and piece.line == self.pieces[at - 1].line:
                    flush(piece.text)
                else:
                    flush()
                    done.append(WrappedLine(self.indent + 2 * len({number for _, number in inside}), piece.text))
                continue
            if at in self.ends and self.around[at] not in self.open:
                continue
            if closes or (row and inside and self._breaks(at, inside[-1][0], row, depth)):
                flush()
            if closes:
                inside.pop()
            if not row:
                depth = len({number for _, number in inside})
            row.append(piece)
            if at in self.open:
                inside.append((at, len(done)))
                if self.pieces[at + 1].kind != "COMMENT" or self.pieces[at + 1].line > piece.line:
                    flush()
            if inside and self._last_option(at, inside[-1][0]):
                row.append(Lexeme("COMMA", ",", piece.line, piece.column))
        flush()
        return done

    def _code(self, row: list[Lexeme], first: bool) -> str:
        if first and self.pad:
            return row[0].text + " " * self.pad + " " + joined(row[1:])
        return joined(row)

    def _breaks(self, at: int, opener: int, row: list[Lexeme], depth: int) -> bool:
        """Whether a row ends before a piece that stands in an open bracket."""
        piece, before = self.pieces[at], self.pieces[at - 1]
        if self.around[at] != opener or piece.kind in ("COMMA", *_CLOSERS):
            return False
        if self.pieces[opener].kind == "LPAR":
            return piece.line > before.line
        return before.kind == "COMMA" and (piece.line > before.line or self._overflows(at, opener, row, depth))

    def _overflows(self, at: int, opener: int, row: list[Lexeme], depth: int) -> bool:
        """Whether the option of a set that begins here is too much for the row."""
        last = next(
            b
            for b in range(at, len(self.pieces))
            if b == self.pairs[opener] or (self.pieces[b].kind == "COMMA" and self.around[b] == opener)
        )
        option = [piece for piece in self.pieces[at:last] if piece.kind != "COMMENT"]
        return self.indent + 2 * depth + len(joined([*row, *option])) + 1 > WIDTH

    def _last_option(self, at: int, opener: int) -> bool:
        """Whether a piece ends the last option of an open set, and no comma follows."""
        if self.pieces[opener].kind != "LBRACE" or self.pieces[at].kind == "COMMA" or at == opener:
            return False
        after = next(b for b in range(at + 1, len(self.pieces)) if self.pieces[b].kind != "COMMENT")
        return after == self.pairs[opener]


def _brackets(pieces: Sequence[Lexeme]) -> tuple[dict[int, int], list[int | None]]:
    """Where each bracket opens and closes; and for each piece the opener of the bracket that it stands in."""
    pairs: dict[int, int] = {}
    around: list[int | None] = []
    waiting: list[int] = []
    for at, piece in enumerate(pieces):
        if piece.kind in _CLOSERS:
            pairs[waiting.pop()] = at
        around.append(waiting[-1] if waiting else None)
        if piece.kind in _OPENERS:
            waiting.append(at)
    return pairs, around


def _ends(pieces: Sequence[Lexeme]) -> set[int]:
    """The commas behind the last options of sets."""
    words = [at for at, piece in enumerate(pieces) if piece.kind != "COMMENT"]
    return {a for a, b in pairwise(words) if pieces[a].kind == "COMMA" and pieces[b].kind == "RBRACE"}
