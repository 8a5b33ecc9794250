"""Characters to tokens: what may stand in a text at all, and which line ends count."""

from __future__ import annotations

import re
from collections.abc import Iterable

from lark import Lark, Token

from spacelang.diagnostics import Diagnostic, Label
from spacelang.source import Source, Span

LARGEST_TEXT = 400_000  # characters; beyond it a text is refused unread
DEEPEST_NESTING = 32  # brackets inside one another

# What no token begins with. A comment may hold anything but control characters and marks that reorder text.
_FOREIGN = re.compile(
    r"#[^\n]*|\"[^\"\n]*\"?|'[^'\n]*'?|[\[\]]|[^A-Za-z0-9_ \t\f\r\n#={}(),:.<>!+\-*/%\[\]\"']+|!(?!=)|\r(?!\n)"
)
_HIDDEN = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]")


def scan(source: Source, lark: Lark) -> tuple[list[Token], list[Diagnostic]]:
    """The tokens of a text, foreign characters left out, and what was wrong with them."""
    found: list[Diagnostic] = []
    if len(source.text) > LARGEST_TEXT:
        message = f"the text has {len(source.text):,} characters, and {LARGEST_TEXT:,} are the most that are read"
        return [], [Diagnostic("E0109", message, Label(Span(0, 1)))]
    text = _FOREIGN.sub(lambda match: _foreign(match, found), source.text)
    return _logical(lark.lex(text), found), found


def _foreign(match: re.Match[str], found: list[Diagnostic]) -> str:
    text, span = match.group(), Span(match.start(), match.end())
    if text.startswith("#"):
        hidden = _HIDDEN.search(text)
        if hidden:
            at = Span(span.start + hidden.start(), span.start + hidden.end())
            found.append(_hidden(hidden.group(), at))
        return " " * len(text)
    if _HIDDEN.search(text):
        found.append(_hidden(text[0], span))
    elif text == "[":
        help_ = "write { } for [ ]: `heads in {2, 4}`"
        found.append(Diagnostic("E0104", "sets are written in braces", Label(span), help=help_))
        return "{"
    elif text == "]":
        return "}"
    elif text[0] in "\"'":
        found.append(Diagnostic("E0105", "values are words and numbers, without quotes", Label(span)))
        if re.fullmatch(r"[A-Za-z0-9_.]+", text.strip("\"'")):
            return text.replace(text[0], " ")
    elif text == ";":
        found.append(Diagnostic("E0106", "a statement ends with its line, not with `;`", Label(span)))
    else:
        found.append(Diagnostic("E0103", f"`{text[:12]}` means nothing here", Label(span)))
    return " " * len(text)


def _hidden(character: str, span: Span) -> Diagnostic:
    return Diagnostic(
        "E0107",
        f"a character that cannot be seen stands here (U+{ord(character):04X})",
        Label(span),
        help="delete it: what a text says and what it seems to say must be the same",
    )


def _logical(tokens: Iterable[Token], found: list[Diagnostic]) -> list[Token]:
    """The tokens without the line ends inside parentheses and sets.

    Where the next line plainly begins a statement, the bracket was forgotten: that is said, and it is closed.
    """
    kept: list[Token] = []
    open_: list[tuple[str, Token]] = []  # "(", "set" or "block" for each open bracket
    stream = list(tokens)
    for i, token in enumerate(stream):
        inside = bool(open_) and open_[-1][0] != "block"
        if token.type == "_LINE" and inside:
            if not _begins_statement(stream[i + 1 : i + 3]):
                continue
            while open_ and open_[-1][0] != "block":
                kind, opened = open_.pop()
                found.append(unclosed(opened))
                kept.append(Token("RPAR", ")") if kind == "(" else Token("RBRACE", "}"))
        kept.append(token)
        match token.value:
            case "(":
                open_.append(("(", token))
            case "{":
                after_in = len(kept) > 1 and kept[-2].type == "IN"
                open_.append(("set" if inside or after_in else "block", token))
            case ")" | "}" if open_:
                open_.pop()
        if len(open_) > DEEPEST_NESTING:
            message = f"brackets stand more than {DEEPEST_NESTING} deep in one another"
            found.append(Diagnostic("E0110", message, Label(place(token))))
            return []
    return kept


def place(token: Token) -> Span:
    """Where a token stands; one that the reader put in itself stands nowhere, and says the beginning."""
    return Span(token.start_pos or 0, token.end_pos or 0)


def unclosed(opened: Token) -> Diagnostic:
    """The finding for a bracket that is never closed."""
    return Diagnostic("E0120", f"this `{opened}` is never closed", Label(place(opened), "opened here"))


def _begins_statement(tokens: list[Token]) -> bool:
    match [token.type for token in tokens]:
        case ["REQUIRE" | "EACH" | "EDITION" | "SPACE", *_]:
            return True
        case ["NAME", "EQUAL" | "IN" | "LBRACE" | "NUMBER"]:
            return True
        case _:
            return False
