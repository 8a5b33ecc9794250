"""Habits of other languages: each said once, with our way of writing it, and read as it was meant.

Comes in: tokens that the grammar may refuse. Go out: tokens that it accepts wherever the meaning is plain. No
text that the grammar accepts is touched: each pattern here is one that no statement of the language has.
"""

from __future__ import annotations

from attrs import define, field
from lark import Token

from spacelang.diagnostics import Diagnostic, Fix
from spacelang.source import Source, Span
from spacelang.syntax.habits import read_as_meant
from spacelang.syntax.scan import DEEPEST_NESTING, place, put
from spacelang.syntax.statement import Statement
from spacelang.syntax.words import BRANCHES, LOOPS, no_such_word


@define
class _Reader:
    """The tokens on their way through, and the blocks that indentation alone has opened."""

    source: Source
    tokens: list[Token]
    found: list[Diagnostic]
    at: int = 0
    depth: int = 0
    kept: list[Token] = field(factory=list)
    indented: list[tuple[int, int]] = field(factory=list)  # column of the header, depth inside
    dropped: set[int] = field(factory=set)  # closing braces of blocks that are none

    def column(self, token: Token) -> int:
        return self.source.position(token.start_pos or 0).column


def mended(source: Source, tokens: list[Token], found: list[Diagnostic]) -> list[Token]:
    """The tokens with every plain slip put right; what was put right is added to `found`."""
    reader = _Reader(source, tokens, found)
    while reader.at < len(tokens):
        token = tokens[reader.at]
        if reader.at in reader.dropped:
            reader.at += 1
            continue
        _close_indented(reader, token)
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


def _close_indented(reader: _Reader, token: Token) -> None:
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


def _closing(reader: _Reader, token: Token) -> None:
    if reader.indented and reader.depth == reader.indented[-1][1]:
        reader.indented.pop()  # a block without its `{` but with its `}`
    reader.depth = max(0, reader.depth - 1)
    reader.kept.append(token)
    reader.at += 1


def _statement(reader: _Reader) -> None:
    """One statement, or the header of a block, is read, put right where that is plain, and kept."""
    tokens, start = reader.tokens, reader.at
    last, end = _extent(tokens, start)
    statement = Statement(reader.source, tokens[start:last], end, reader.found)
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
    if (end is None or end.type == "_LINE") and _opens_by_indentation(reader, statement):
        return
    listed_ = _dashes(reader, statement)
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


def _header(statement: Statement) -> tuple[list[Token], bool]:
    """The tokens before a block's `{`, and whether there is a block to open."""
    match statement.kinds:
        case ["SPACE", "NAME" | "NUMBER"]:
            at = place(statement.end) if statement.end else place(statement.tokens[-1])
            help_ = "delete the brace and its `}`: all of the file belongs to the space"
            statement.say("E0138", "a space has no braces around it", at, help_)
            return statement.tokens, False
        case [*_, "COLON"]:
            colon = place(statement.tokens[-1])
            statement.say("E0129", "a block has `{`, and no colon", colon, "delete the colon", Fix(colon, ""))
            return statement.tokens[:-1], True
        case ["NAME", *_] if _foreign_word(statement):
            meant = _loop(statement)
            return meant or [], meant is not None
        case _:
            return statement.tokens, True


def _drop_closing(reader: _Reader) -> None:
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


def _opens_by_indentation(reader: _Reader, statement: Statement) -> bool:
    """Whether this line is the header of a block whose lines are indented and have no braces."""
    tokens, kinds = statement.tokens, statement.kinds
    colon = bool(kinds) and kinds[-1] == "COLON"
    words = kinds[:-1] if colon else kinds
    shaped = words in (["NAME", "NUMBER"], ["EACH", "NAME"], ["NAME"])
    loop = bool(tokens) and tokens[0].type == "NAME" and str(tokens[0]) in (*LOOPS, *BRANCHES) and len(words) > 1
    after = _next(reader)
    if not (shaped or (loop and colon)) or after is None or after.type in ("LBRACE", "MINUS"):
        return False
    if len(reader.indented) >= DEEPEST_NESTING:
        return False
    header = reader.column(tokens[0])
    if reader.column(after) <= header:
        return False
    first = tokens[0]
    if loop:
        meant = _loop(statement) or []
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


def _braced(reader: _Reader, header: int, after: Span) -> Fix:
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


def _next(reader: _Reader) -> Token | None:
    """The first token of the next line that has one."""
    at = reader.at
    while at < len(reader.tokens) and reader.tokens[at].type == "_LINE":
        at += 1
    return reader.tokens[at] if at < len(reader.tokens) else None


def _dashes(reader: _Reader, statement: Statement) -> list[Token] | None:
    """`depth:` over lines that begin with a dash, read as a set."""
    after = _next(reader)
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


def _foreign_word(statement: Statement) -> bool:
    return str(statement.tokens[0]) in (*LOOPS, *BRANCHES) and statement.kinds[1:2] not in (["EQUAL"], ["IN"])


def _loop(statement: Statement) -> list[Token] | None:
    """What a loop or a branch over stages or layers is meant to be: `each stage` or `each layer`."""
    word = statement.tokens[0]
    text = " ".join(statement.tokens)
    no_such_word(statement)
    if str(word) not in LOOPS:
        return None
    level = "layer" if "layer" in text else "stage"
    return [put("EACH", "each", word), put("NAME", level, statement.tokens[-1])]
