"""Blocks by indentation, and sets as lines with dashes, as in YAML and Python: read as blocks and sets."""

from __future__ import annotations

from lark import Token

from spacelang.diagnostics import Fix
from spacelang.source import Span
from spacelang.syntax.reader import TokenReader
from spacelang.syntax.scan import DEEPEST_NESTING, place, put
from spacelang.syntax.statement import StatementTokens
from spacelang.syntax.words import BRANCHES, LOOPS, loop_meant


def close_indented(reader: TokenReader, token: Token) -> None:
    """A line no deeper than a header without a brace ends its block."""
    while token.type != "_LINE" and reader.indented and reader.depth == reader.indented[-1][1]:
        column = reader.column(token)
        header = reader.indented[-1][0]
        if column > header or (token.type == "RBRACE" and column == header):
            return
        reader.kept.append(put("RBRACE", "}", token))
        if token.type != "RBRACE":
            reader.kept.append(put("_LINE", "\n", token))
        reader.indented.pop()
        reader.depth -= 1


def opens_by_indentation(reader: TokenReader, statement: StatementTokens) -> bool:
    """Whether this line is the header of a block whose lines are indented and have no braces."""
    tokens, kinds = statement.tokens, statement.kinds
    colon = bool(kinds) and kinds[-1] == "COLON"
    words = kinds[:-1] if colon else kinds
    shaped = words in (["NAME", "NUMBER"], ["EACH", "NAME"], ["NAME"])
    loop = bool(tokens) and tokens[0].type == "NAME" and str(tokens[0]) in (*LOOPS, *BRANCHES) and len(words) > 1
    after = reader.following()
    if not (shaped or (loop and colon)) or after is None or after.type in ("LBRACE", "MINUS"):
        return False
    if len(reader.indented) >= DEEPEST_NESTING:
        return False
    header = reader.column(tokens[0])
    if reader.column(after) <= header:
        return False
    first = tokens[0]
    if loop:
        meant = loop_meant(statement) or []
    else:
        meant = tokens[: len(words)]
        written = reader.source.excerpt(Span(place(first).start, place(meant[-1]).end))
        at = place(tokens[-1]) if colon else Span(place(meant[-1]).start, place(meant[-1]).end)
        statement.say(
            "E0129",
            "a block is written in braces, not by indentation",
            at,
            f"write `{written} {{`, and `}}` on a line of its own after the block",
            _braced(reader, header, Span(place(meant[-1]).end, place(tokens[-1]).end)),
        )
    if meant:
        reader.kept += [*meant, put("LBRACE", "{", tokens[-1])]
        reader.depth += 1
        reader.indented.append((header, reader.depth))
    return True


def _braced(reader: TokenReader, header: int, after: Span) -> Fix:
    """The block in braces: from behind its header to the last of its lines."""
    end = after.end
    for i in range(reader.at, len(reader.tokens)):
        token = reader.tokens[i]
        if token.type == "_LINE":
            continue
        if reader.tokens[i - 1].type == "_LINE" and reader.column(token) <= header:
            closed = token.type == "RBRACE" and reader.column(token) == header
            if closed:
                return Fix(after, " {")
            break
        end = place(token).end
    line = reader.source.position(end).line
    end += len(reader.source.line(line)) - (reader.source.position(end).column - 1)  # a comment behind it, too
    body = reader.source.text[after.end : end]
    return Fix(Span(after.start, end), f" {{{body}\n{' ' * (header - 1)}}}")


def dashes(reader: TokenReader, statement: StatementTokens) -> list[Token] | None:
    """`depth:` over lines that begin with a dash, read as a set."""
    after = reader.following()
    if statement.kinds not in (["NAME", "COLON"], ["NAME"], ["NAME", "EQUAL"]) or after is None:
        return None
    if after.type != "MINUS" or reader.column(after) < reader.column(statement.tokens[0]):
        return None
    items: list[Token] = []
    i = reader.at
    while i < len(reader.tokens):
        window = reader.tokens[i : i + 4]
        match [token.type for token in window]:
            case ["_LINE", *_]:
                i += 1
            case ["MINUS", "NUMBER" | "NAME"] | ["MINUS", "NUMBER" | "NAME", "_LINE" | "RBRACE", *_]:
                items.append(window[1])
                i += 2
            case _:
                break
    if not items:
        return None
    name = statement.tokens[0]
    whole = Span(place(name).start, place(items[-1]).end)
    text = f"{name} in {{{', '.join(items)}}}"
    help_ = f"write `{text}`" if len(text) <= 60 else f"write `{name} in {{a, b}}`"
    message = "a set is written in braces, not as lines with dashes"
    statement.say("E0130", message, place(after), help_, Fix(whole, text))
    reader.at = i
    kept = [name, put("IN", "in", name), put("LBRACE", "{", name)]
    for number, item in enumerate(items):
        kept += [put("COMMA", ",", item), item] if number else [item]
    return [*kept, put("RBRACE", "}", items[-1]), put("_LINE", "\n", items[-1])]
