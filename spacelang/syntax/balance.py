"""Which `{` was never closed: where brackets do not come out even, the indentation says which was meant."""

from __future__ import annotations

from lark import Token

from spacelang.diagnostics import Diagnostic
from spacelang.source import Source
from spacelang.syntax.scan import put, unclosed


def balanced(source: Source, tokens: list[Token], found: list[Diagnostic]) -> list[Token]:
    """The tokens with every bracket that was left open closed, each said once; even ones as they are."""
    missing = _left_open(tokens)
    if not missing:
        return tokens
    kept: list[Token] = []
    open_: list[tuple[Token, int]] = []  # each with the column in which its line begins
    column = 0
    for i, token in enumerate(tokens):
        first = i == 0 or tokens[i - 1].type == "_LINE"
        if first and token.type != "_LINE":
            column = source.position(token.start_pos or 0).column
            # A line that stands no deeper than the line that opened a block ends that block, except its own `}`.
            while missing and open_ and _ends(column, open_[-1][1], token):
                opened, _ = open_.pop()
                found.append(unclosed(opened))
                missing -= 1
                kept += _closing(opened, token)
        kept.append(token)
        if token.type in ("LBRACE", "LPAR"):
            open_.append((token, column))
        elif token.type in ("RBRACE", "RPAR") and open_:
            open_.pop()
    while open_:
        opened, _ = open_.pop()
        found.append(unclosed(opened))
        kept.append(put(*_pair(opened), tokens[-1]))
    return kept


def _left_open(tokens: list[Token]) -> int:
    depth = 0
    for token in tokens:
        if token.type in ("LBRACE", "LPAR"):
            depth += 1
        elif token.type in ("RBRACE", "RPAR") and depth:
            depth -= 1
    return depth


def _ends(column: int, opened: int, token: Token) -> bool:
    return column < opened or (column == opened and token.type != "RBRACE")


def _pair(opened: Token) -> tuple[str, str]:
    return ("RPAR", ")") if opened.type == "LPAR" else ("RBRACE", "}")


def _closing(opened: Token, before: Token) -> list[Token]:
    closing = put(*_pair(opened), before)
    return [closing] if before.type == "RBRACE" else [closing, put("_LINE", "\n", before)]
