"""Habits of other languages inside one line: each said once, with our way of writing it, and read as meant."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lark import Token

from spacelang.diagnostics import Fix, nearest
from spacelang.source import Span
from spacelang.syntax.numbers import of_numbers
from spacelang.syntax.scan import place, put
from spacelang.syntax.sets import of_a_set, of_membership
from spacelang.syntax.statement import StatementTokens
from spacelang.syntax.words import BRANCHES, LOADS, LOOPS, PREFIXES, no_such_word


def read_as_meant(statement: StatementTokens) -> list[Token]:
    """The tokens of a statement without a block, with each habit that it shows put right."""
    kept: list[Token] = []
    for i, one in enumerate(
        _split(_after(statement, (_prefix, _head_of_file, of_numbers, of_membership, _together)))
    ):
        kept += [put("_LINE", "\n", one.tokens[0])] if i and one.tokens else []
        kept += _after(one, (_colon, of_a_set, _decided, _missing_sign, _rule)).tokens
    return kept


Habit = Callable[[StatementTokens], list[Token] | None]


def _after(statement: StatementTokens, habits: Iterable[Habit]) -> StatementTokens:
    for habit in habits:
        changed = habit(statement)
        if changed is not None:
            statement = StatementTokens(statement.source, changed, statement.end, statement.found)
    return statement


def _split(statement: StatementTokens) -> list[StatementTokens]:
    """The statements of a line that holds several."""
    rows: list[list[Token]] = [[]]
    for token in statement.tokens:
        if token.type == "_LINE":
            rows.append([])
        else:
            rows[-1].append(token)
    return [StatementTokens(statement.source, row, statement.end, statement.found) for row in rows]


def _prefix(statement: StatementTokens) -> list[Token] | None:
    tokens = statement.tokens
    match statement.kinds:
        case ["NAME", "NAME", "EQUAL" | "IN" | "COLON", *_] if str(tokens[0]) in PREFIXES:
            no_such_word(statement)
            return tokens[1:]
        case ["NAME", "NAME" | "NUMBER" | "LPAR" | "STAR" | "NOT", *_] if str(tokens[0]) in (
            *LOOPS,
            *BRANCHES,
            *LOADS,
        ):
            no_such_word(statement)
            return []
        case ["NAME", "COLON"] if str(tokens[0]) in BRANCHES:
            no_such_word(statement)
            return []
        case _:
            return None


def _head_of_file(statement: StatementTokens) -> list[Token] | None:
    tokens = statement.tokens
    match statement.kinds:
        case ["EDITION" | "SPACE", "EQUAL" | "COLON", "NAME" | "NUMBER"]:
            text = f"{tokens[0]} {tokens[2]}"
            fix = Fix(Span(place(tokens[0]).end, place(tokens[2]).start), " ")
            message = f"`{tokens[0]}` is followed by its value, without `{tokens[1]}`"
            statement.say("E0137", message, place(tokens[1]), f"write `{text}`", fix)
            return [tokens[0], tokens[2]]
        case ["NAME", "NAME"] | ["NAME", "NAME", "NAME"] if nearest(str(tokens[0]).lower(), ("measure",)):
            at = place(tokens[0])
            message = "a measure is declared by the word `measure`, its name and its unit"
            statement.say("E0149", message, at, "did you mean `measure`?", Fix(at, "measure"))
            return [put("MEASURE", "measure", tokens[0]), *tokens[1:]]
        case ["MEASURE", "NAME", "EQUAL" | "COLON" | "IN", "NAME"]:
            fix = Fix(Span(place(tokens[1]).end, place(tokens[3]).start), " ")
            message = f"a measure is followed by its unit, without `{tokens[2]}`"
            text = f"measure {tokens[1]} {tokens[3]}"
            statement.say("E0137", message, place(tokens[2]), f"write `{text}`", fix)
            return [*tokens[:2], tokens[3]]
        case _:
            return None


def _together(statement: StatementTokens) -> list[Token] | None:
    """Several statements on one line, with commas between them or nothing."""
    tokens, kinds = statement.tokens, statement.kinds
    if kinds[:2] not in (["NAME", "EQUAL"], ["NAME", "IN"], ["NAME", "COLON"]):
        return None
    kept: list[Token] = []
    depth = 0
    changed = False
    for i, token in enumerate(tokens):
        depth += {"LPAR": 1, "LBRACE": 1, "RPAR": -1, "RBRACE": -1}.get(token.type, 0)
        begins = kinds[i + 1 : i + 2] == ["NAME"] and kinds[i + 2 : i + 3] in (["EQUAL"], ["IN"], ["COLON"])
        if depth == 0 and token.type == "COMMA" and (begins or i + 1 == len(tokens)):
            help_ = "put each statement on its own line" if begins else "delete the comma"
            at = place(token)
            fix = Fix(Span(at.start, place(tokens[i + 1]).start), _break(statement)) if begins else Fix(at, "")
            statement.say("E0114", "no comma stands between statements", at, help_, fix)
            kept += [put("_LINE", "\n", token)] if begins else []
            changed = True
            continue
        kept.append(token)
        if depth == 0 and begins and i > 1 and token.type in ("NUMBER", "NAME", "RPAR", "RBRACE"):
            following = tokens[i + 1]
            help_ = f"begin a new line with `{following}`"
            fix = Fix(Span(place(token).end, place(following).start), _break(statement))
            statement.say("E0136", "two statements stand on one line", place(following), help_, fix)
            kept.append(put("_LINE", "\n", following))
            changed = True
    return kept if changed else None


def _break(statement: StatementTokens) -> str:
    """A line break with the indentation of the statement's line."""
    position = statement.source.position(place(statement.tokens[0]).start)
    line = statement.source.line(position.line)
    return "\n" + line[: len(line) - len(line.lstrip())]


def _colon(statement: StatementTokens) -> list[Token] | None:
    """`depth: 3` for `depth = 3`."""
    tokens, kinds = statement.tokens, statement.kinds
    if kinds[:2] != ["NAME", "COLON"] or len(kinds) < 3:
        return None
    at = place(tokens[1])
    searched = kinds[2] == "LBRACE" or "_DOTS" in kinds
    sign, message = ("in", "a choice is written with `in`") if searched else ("=", "a setting is written with `=`")
    gap = "" if statement.source.text[at.end : at.end + 1].isspace() else " "
    help_ = f"write `{tokens[0]} {sign} {statement.short(2, '{…}' if searched else '…')}`"
    statement.say("E0102", message, at, help_, Fix(at, f" {sign}{gap}"))
    return [tokens[0], put("IN" if searched else "EQUAL", sign, tokens[1]), *tokens[2:]]


def _decided(statement: StatementTokens) -> list[Token] | None:
    """`depth = {1, 2}` for `depth in {1, 2}`."""
    tokens = statement.tokens
    match statement.kinds:
        case ["NAME", "EQUAL", "LBRACE", *_]:
            what, shown = "a set of options", statement.short(2, "{…}")
        case ["NAME", "EQUAL", *rest] if "_DOTS" in rest:
            what, shown = "a range of options", statement.short(2, "a..b")
        case _:
            return None
    at = place(tokens[1])
    help_ = f"write `{tokens[0]} in {shown}`: `=` decides, `in` searches"
    statement.say("E0115", f"{what} is a choice, not a setting", at, help_, Fix(at, "in"))
    return [tokens[0], put("IN", "in", tokens[1]), *tokens[2:]]


def _missing_sign(statement: StatementTokens) -> list[Token] | None:
    """`classes 10` for `classes = 10`."""
    tokens = statement.tokens
    match statement.kinds:
        case ["NAME", "NUMBER" | "NAME" as kind] if kind == "NAME" or str(tokens[0]) != "stage":
            gap = Span(place(tokens[0]).end, place(tokens[1]).start)
            help_ = f"write `{tokens[0]} = {tokens[1]}`"
            message = f"`=` is missing after `{tokens[0]}`"
            statement.say("E0123", message, place(tokens[1]), help_, Fix(gap, " = "))
            return [tokens[0], put("EQUAL", "=", tokens[1]), tokens[1]]
        case _:
            return None


def _rule(statement: StatementTokens) -> list[Token] | None:
    """`=` for `==`, and a missing colon, in a `require`."""
    tokens, kinds = statement.tokens, statement.kinds
    if kinds[:1] != ["REQUIRE"]:
        return None
    changed = list(tokens)
    for i, kind in enumerate(kinds):
        if kind == "EQUAL":
            at = place(tokens[i])
            statement.say("E0140", "`=` decides, and `==` compares", at, "write `==`", Fix(at, "=="))
            changed[i] = put("RELATION", "==", tokens[i])
    numbered = kinds[3:5] == ["NUMBER", "COLON"]  # `each layer 2:`, which the parser's own answer is for
    if kinds[1:3] == ["EACH", "NAME"] and kinds[3:4] not in (["COLON"], []) and not numbered:
        at = place(tokens[2])
        help_ = f"write `require each {tokens[2]}: …`"
        message = f"a colon is missing after `each {tokens[2]}`"
        statement.say("E0139", message, at, help_, Fix(Span(at.end, at.end), ":"))
        changed.insert(3, put("COLON", ":", tokens[2]))
    return changed
