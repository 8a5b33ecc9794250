"""Habits of other languages: each said once, with our way of writing it, and read as it was meant.

Comes in: tokens that the grammar may refuse. Go out: tokens that it accepts wherever the meaning is plain. No
text that the grammar accepts is touched: each pattern here is one that no statement of the language has.
"""

from __future__ import annotations

from lark import Token

from spacelang.diagnostics import Diagnostic, Fix
from spacelang.source import Source
from spacelang.syntax.habits import read_as_meant
from spacelang.syntax.indented import close_indented, dashes, opens_by_indentation
from spacelang.syntax.reader import TokenReader
from spacelang.syntax.scan import place, put
from spacelang.syntax.statement import StatementTokens
from spacelang.syntax.words import foreign_word, loop_meant


def mended(source: Source, tokens: list[Token], found: list[Diagnostic]) -> list[Token]:
    """The tokens with every plain slip put right; what was put right is added to `found`."""
    reader = TokenReader(source, tokens, found)
    while reader.at < len(tokens):
        token = tokens[reader.at]
        if reader.at in reader.dropped:
            reader.at += 1
            continue
        close_indented(reader, token)
        if token.type == "_LINE":
            reader.kept.append(token)
            reader.at += 1
        elif token.type == "RBRACE":
            _closing(reader, token)
        else:
            _statement(reader)
    for _ in reader.indented:
        reader.kept.append(put("RBRACE", "}", tokens[-1]))
    return reader.kept


def _closing(reader: TokenReader, token: Token) -> None:
    if reader.indented and reader.depth == reader.indented[-1][1]:
        reader.indented.pop()  # a block without its `{` but with its `}`
    reader.depth = max(0, reader.depth - 1)
    reader.kept.append(token)
    reader.at += 1


def _statement(reader: TokenReader) -> None:
    """One statement, or the header of a block, is read, put right where that is plain, and kept."""
    tokens, start = reader.tokens, reader.at
    last, end = _extent(tokens, start)
    statement = StatementTokens(reader.source, tokens[start:last], end, reader.found)
    reader.at = last
    if end is not None and end.type == "LBRACE":
        reader.at += 1
        header, opens = _header(statement)
        reader.kept += header
        if opens:
            reader.kept.append(end)
            reader.depth += 1
        else:  # a block that nothing of ours has: what stands in it is read as if it stood outside
            _drop_closing(reader)
        return
    if (end is None or end.type == "_LINE") and opens_by_indentation(reader, statement):
        return
    listed_ = dashes(reader, statement)
    reader.kept += listed_ if listed_ is not None else read_as_meant(statement)


def _extent(tokens: list[Token], start: int) -> tuple[int, Token | None]:
    """Where the statement that begins at `start` ends, and the token there."""
    depth = 0
    for i in range(start, len(tokens)):
        token = tokens[i]
        match token.type:
            case "_LINE" if depth == 0:
                return i, token
            case "LBRACE" if depth == 0 and token.value == "{" and not _opens_set(tokens, start, i):
                return i, token
            case "LBRACE" | "LPAR":
                depth += 1
            case "RBRACE" if depth == 0:
                return i, token
            case "RBRACE" | "RPAR":
                depth = max(0, depth - 1)
    return len(tokens), None


def _opens_set(tokens: list[Token], start: int, i: int) -> bool:
    if i == start:
        return False
    return tokens[i - 1].type in ("IN", "EQUAL") or (
        tokens[i - 1].type == "COLON" and i + 1 < len(tokens) and tokens[i + 1].type in ("NUMBER", "RBRACE")
    )


# Headers


def _header(statement: StatementTokens) -> tuple[list[Token], bool]:
    """The tokens before a block's `{`, and whether there is a block to open."""
    match statement.kinds:
        case ["SPACE", "NAME" | "NUMBER"]:
            at = place(statement.end) if statement.end else place(statement.tokens[-1])
            help_ = "delete the brace and its `}`: all of the file belongs to the space"
            statement.say("E0138", "a space has no braces around it", at, help_)
            return statement.tokens, False
        case ["MEASURE"]:  # a block of that name, which other systems have
            return [put("NAME", "measure", statement.tokens[0])], True
        case [*_, "COLON"]:
            colon = place(statement.tokens[-1])
            statement.say("E0129", "a block has `{`, and no colon", colon, "delete the colon", Fix(colon, ""))
            return statement.tokens[:-1], True
        case ["NAME", *_] if foreign_word(statement):
            meant = loop_meant(statement)
            return meant or [], meant is not None
        case _:
            return statement.tokens, True


def _drop_closing(reader: TokenReader) -> None:
    """Take the `}` of the block just opened out of what is still to be read, and go on on a new line."""
    depth = 0
    for i in range(reader.at, len(reader.tokens)):
        kind = reader.tokens[i].type
        if kind == "RBRACE" and depth == 0:
            reader.dropped.add(i)
            break
        depth += {"LBRACE": 1, "RBRACE": -1}.get(kind, 0)
    if reader.at:
        reader.kept.append(put("_LINE", "\n", reader.tokens[reader.at - 1]))
