"""Characters to tokens: what may stand in a text at all, and which line ends count."""

from __future__ import annotations

from heapq import merge

from lark import Lark, Token

from spacelang.diagnostics import Diagnostic, Label
from spacelang.source import Source, Span
from spacelang.syntax.foreign import MOST_TOKENS, native, too_many

LONGEST_NAME = 64  # characters
LARGEST_TEXT = 400_000  # characters; beyond it a text is refused unread
DEEPEST_NESTING = 32  # brackets inside one another


def scan(source: Source, lark: Lark) -> tuple[list[Token], list[Diagnostic]]:
    """The tokens of a text, with what is meant in the places of foreign signs, and what was wrong with them."""
    found: list[Diagnostic] = []
    if len(source.text) > LARGEST_TEXT:
        message = f"the text has {len(source.text):,} characters, and {LARGEST_TEXT:,} are the most that are read"
        return [], [Diagnostic("E0109", message, Label(Span(0, 1)), help="one file describes one space")]
    text, meant = native(source.text, found)
    tokens: list[Token] = []
    for token in merge(lark.lex(text), meant, key=lambda token: token.start_pos or 0):
        if len(token) > LONGEST_NAME and token.type in ("NAME", "NUMBER"):
            if token.type == "NAME":
                message, help_ = f"a name has at most {LONGEST_NAME} characters", "shorten it"
                found.append(Diagnostic("E0158", message, Label(place(token)), help=help_))
            token = put(token.type, token[:LONGEST_NAME], token)
        tokens.append(token)
        if len(tokens) > MOST_TOKENS:
            return [], [too_many(place(token))]
    return _logical(tokens, found), found


def _logical(stream: list[Token], found: list[Diagnostic]) -> list[Token]:
    """The tokens without the line ends inside parentheses and sets.

    Where the next line plainly begins a statement, the bracket was forgotten: that is said, and it is closed.
    """
    kept: list[Token] = []
    open_: list[tuple[str, Token]] = []  # "(", "set" or "block" for each open bracket
    for i, token in enumerate(stream):
        inside = bool(open_) and open_[-1][0] != "block"
        if token.type == "_LINE" and inside:
            goes_on = kept[-1].type in ("AND", "OR", "NOT", "LPAR")
            if goes_on or not _begins_statement(stream[i + 1 : i + 3]):
                continue
            while open_ and open_[-1][0] != "block":
                kind, opened = open_.pop()
                found.append(unclosed(opened))
                closing = ("RPAR", ")") if kind == "(" else ("RBRACE", "}")
                kept.append(put(*closing, token))
        kept.append(token)
        match token.type:
            case "LPAR":
                open_.append(("(", token))
            case "LBRACE":
                set_ = inside or token.value == "[" or (len(kept) > 1 and kept[-2].type in ("IN", "EQUAL"))
                open_.append(("set" if set_ else "block", token))
            case "RPAR" | "RBRACE" if open_:
                open_.pop()
        if len(open_) > DEEPEST_NESTING:
            message = f"brackets stand more than {DEEPEST_NESTING} deep in one another"
            help_ = "nothing in the language needs so many"
            found.append(Diagnostic("E0110", message, Label(place(token)), help=help_))
            return []
    return kept


def put(kind: str, value: str, at: Token) -> Token:
    """A token that the reader puts in at the place of another."""
    return Token.new_borrow_pos(kind, value, at)


def place(token: Token) -> Span:
    """Where a token stands."""
    return Span(token.start_pos or 0, token.end_pos or 0)


def unclosed(opened: Token) -> Diagnostic:
    """The finding for a bracket that is never closed."""
    closing = {"(": ")", "[": "}"}.get(opened.value, "}")
    message = f"this `{opened}` is never closed"
    return Diagnostic("E0120", message, Label(place(opened), "opened here"), help=f"close it with `{closing}`")


def _begins_statement(tokens: list[Token]) -> bool:
    match [token.type for token in tokens]:
        case ["REQUIRE" | "EACH" | "EDITION" | "SPACE" | "MEASURE", *_]:
            return True
        case ["NAME", "EQUAL" | "IN" | "LBRACE" | "NUMBER" | "COLON"]:
            return True
        case _:
            return False
