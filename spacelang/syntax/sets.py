"""Sets and ranges as other languages write them: `(1, 2)`, `1, 2`, `{1 2}`, `range(1, 3)`, `1 to 3`, `1:3`."""

from __future__ import annotations

from lark import Token

from spacelang.diagnostics import Fix
from spacelang.source import Span
from spacelang.syntax.scan import place, put
from spacelang.syntax.statement import StatementTokens

_DRAWS = ("randint", "uniform", "quniform", "Integer", "linspace", "arange")
_CHOICES = ("choice", "choices", "Choice", "Categorical", "categorical", "sample", "one_of", "oneof", "set", "list")


def of_a_set(statement: StatementTokens) -> list[Token] | None:
    """The tokens of a choice whose options are written in another way, put right where that is plain."""
    if statement.kinds[:2] not in (["NAME", "IN"], ["NAME", "EQUAL"]) or len(statement.kinds) < 3:
        return None
    for habit in (_call, _parentheses, _range_in_braces, _bare, _spaced, _other_range, _other_step):
        changed = habit(statement)
        if changed is not None:
            return changed
    return None


def of_membership(statement: StatementTokens) -> list[Token] | None:
    """The tokens of a rule whose sets stand in parentheses, or in nothing, put right."""
    if statement.kinds[:1] != ["REQUIRE"] or "IN" not in statement.kinds:
        return None
    kept: list[Token] = []
    changed, at = False, 0
    tokens, kinds = statement.tokens, statement.kinds
    while at < len(tokens):
        kept.append(tokens[at])
        at += 1
        if kept[-1].type != "IN" or at == len(tokens):
            continue
        end = next((b for b in range(at, len(kinds)) if kinds[b] not in ("NUMBER", "COMMA", "NAME")), len(kinds))
        inside = kinds[at:end]
        if kinds[at] == "LPAR":
            end = next((b for b in range(at, len(kinds)) if kinds[b] == "RPAR"), len(kinds))
            inside = kinds[at + 1 : end]
            if "COMMA" not in inside or "LPAR" in inside or end == len(kinds):
                continue
            text = statement.excerpt(at + 1, end - 1)
            span = Span(place(tokens[at]).start, place(tokens[end]).end)
            statement.say(
                "E0104", "sets are written in braces", span, f"write `{{{text}}}`", Fix(span, f"{{{text}}}")
            )
            kept += [put("LBRACE", "{", tokens[at]), *tokens[at + 1 : end], put("RBRACE", "}", tokens[end])]
            at, changed = end + 1, True
        elif "COMMA" in inside and inside[0] == "NUMBER" and inside[-1] != "COMMA":
            text = statement.excerpt(at, end - 1)
            span = Span(place(tokens[at]).start, place(tokens[end - 1]).end)
            help_, fix = f"write `{{{text}}}`", Fix(span, f"{{{text}}}")
            statement.say("E0143", "the braces of a set are missing", span, help_, fix)
            kept += [put("LBRACE", "{", tokens[at]), *tokens[at:end], put("RBRACE", "}", tokens[end - 1])]
            at, changed = end, True
        elif inside == ["NUMBER"] and kinds[end : end + 1] != ["_DOTS"]:
            span = place(tokens[at])
            help_, fix = f"write `{{{tokens[at]}}}`, or `==`", Fix(span, f"{{{tokens[at]}}}")
            statement.say("E0143", "the braces of a set are missing", span, help_, fix)
            kept += [put("LBRACE", "{", tokens[at]), tokens[at], put("RBRACE", "}", tokens[at])]
            at, changed = end, True
    return kept if changed else None


def _whole(statement: StatementTokens) -> Span:
    """All that stands behind `name in`."""
    return Span(place(statement.tokens[2]).start, place(statement.tokens[-1]).end)


def _searched(statement: StatementTokens, domain: list[Token]) -> list[Token]:
    return [statement.tokens[0], put("IN", "in", statement.tokens[1]), *domain]


def _written(statement: StatementTokens, text: str) -> tuple[str, Fix]:
    """The help and the fix that write the options as `text`."""
    name, behind = statement.tokens[0], Span(place(statement.tokens[1]).start, place(statement.tokens[-1]).end)
    return f"write `{name} in {text}`", Fix(behind, f"in {text}")


def _call(statement: StatementTokens) -> list[Token] | None:
    """`range(1, 4)` and `choice([1, 2])`."""
    tokens = statement.tokens
    match statement.kinds[2:]:
        case ["NAME", "LPAR", *inner, "RPAR"] if str(tokens[2]) == "range":
            numbers = [str(token) for token in tokens[4:-1] if token.type == "NUMBER"]
            text = "a..b step s"
            if inner in (["NUMBER", "COMMA", "NUMBER"], ["NUMBER", "COMMA", "NUMBER", "COMMA", "NUMBER"]):
                text = _python_range([int(n) for n in numbers if n.isdigit()]) or text
            help_, fix = _written(statement, text)
            plain = text != "a..b step s"
            help_ += "; a range of the language has both its ends, Python's leaves out the last"
            at = place(tokens[2])
            statement.say("E0128", "a range has two dots between its ends", at, help_, fix if plain else None)
            return _searched(statement, _lexed(text, tokens[2])) if plain else []
        case ["NAME", "LPAR", "LBRACE", *_, "RBRACE", "RPAR"] if str(tokens[2]) in _CHOICES:
            inside = statement.excerpt(5, len(tokens) - 3) if len(tokens) > 7 else ""
            help_, fix = _written(statement, f"{{{inside}}}")
            at = place(tokens[2])
            statement.say("E0128", "a choice is a set in braces, not a call", at, help_, fix)
            return _searched(statement, tokens[4:-1])
        case ["NAME", "LPAR", *_, "RPAR"] if str(tokens[2]) in (*_CHOICES, *_DRAWS):
            help_, _ = _written(statement, "a..b` or `{a, b}")
            statement.say("E0128", "a choice is a set or a range, not a call", place(tokens[2]), help_)
            return []
        case _:
            return None


def _python_range(ends: list[int]) -> str | None:
    """What Python's `range` of these numbers holds."""
    if len(ends) < 2 or (len(ends) == 3 and not ends[2]):
        return None
    values = range(*ends)
    if len(values) < 2 or values.step < 0:
        return None
    return f"{values[0]}..{values[-1]}" + (f" step {values.step}" if values.step > 1 else "")


def _lexed(text: str, at: Token) -> list[Token]:
    """A range as tokens at one place."""
    kinds = {"..": "_DOTS", "step": "STEP"}
    parts = text.replace("..", " .. ").split()
    return [put(kinds.get(part, "NUMBER"), part, at) for part in parts]


def _parentheses(statement: StatementTokens) -> list[Token] | None:
    tokens, kinds = statement.tokens, statement.kinds
    if kinds[2] != "LPAR" or kinds[-1] != "RPAR" or "COMMA" not in kinds or "LPAR" in kinds[3:]:
        return None
    help_, fix = _written(statement, f"{{{statement.excerpt(3, len(tokens) - 2)}}}")
    statement.say("E0104", "sets are written in braces", place(tokens[2]), help_, fix)
    return _searched(statement, [put("LBRACE", "{", tokens[2]), *tokens[3:-1], put("RBRACE", "}", tokens[-1])])


def _range_in_braces(statement: StatementTokens) -> list[Token] | None:
    tokens, kinds = statement.tokens, statement.kinds
    if kinds[2] != "LBRACE" or kinds[-1] != "RBRACE" or "_DOTS" not in kinds:
        return None
    at = _whole(statement)
    if "COMMA" in kinds:
        help_ = "list the options one by one, or write one range without braces"
        statement.say("E0141", "a set lists its options one by one: no range stands in it", at, help_)
        return []
    help_, fix = _written(statement, statement.excerpt(3, len(tokens) - 2))
    statement.say("E0141", "a range has no braces around it", at, help_, fix)
    return _searched(statement, tokens[3:-1])


def _bare(statement: StatementTokens) -> list[Token] | None:
    """`heads in 1, 2`."""
    kinds = statement.kinds
    outside = [kind for kind, depth in zip(kinds, _depths(kinds), strict=True) if not depth]
    if kinds[1] != "IN" or kinds[2] in ("LBRACE",) or "COMMA" not in outside or "_DOTS" in outside:
        return None
    help_, fix = _written(statement, f"{{{statement.excerpt(2)}}}")
    statement.say("E0143", "the braces of a set are missing", _whole(statement), help_, fix)
    tokens = statement.tokens
    return _searched(statement, [put("LBRACE", "{", tokens[2]), *tokens[2:], put("RBRACE", "}", tokens[-1])])


def _spaced(statement: StatementTokens) -> list[Token] | None:
    """`{1 2 3}`."""
    tokens, kinds = statement.tokens, statement.kinds
    if kinds[2] != "LBRACE":
        return None
    gaps = {i for i in range(3, len(kinds) - 1) if kinds[i : i + 2] in (["NUMBER", "NUMBER"], ["NAME", "NUMBER"])}
    if not gaps:
        return None
    kept: list[Token] = []
    text = ""
    for i, token in enumerate(tokens[2:], 2):
        kept.append(token)
        following = place(tokens[i + 1]).start if i + 1 < len(tokens) else place(token).end
        between = statement.source.text[place(token).end : following]
        text += {"[": "{", "]": "}"}.get(token.value, token.value) + "," * (i in gaps) + between
        if i in gaps:
            kept.append(put("COMMA", ",", token))
    help_, fix = _written(statement, text)
    first = min(gaps)
    at = Span(place(tokens[first]).end, place(tokens[first + 1]).start)
    help_ = help_ if len(text) < 60 else "put it in"
    statement.say("E0144", "a comma is missing between two options", at, help_, fix)
    return _searched(statement, kept)


def _other_range(statement: StatementTokens) -> list[Token] | None:
    """`1-3`, `1 to 3`, `1:3` and `1...3`."""
    tokens, kinds = statement.tokens, statement.kinds
    if kinds[1] != "IN":
        return None
    match kinds[2:]:
        case ["NUMBER", "MINUS" | "COLON", "NUMBER"]:
            low, high, step = tokens[2], tokens[4], None
        case ["NUMBER", "NAME", "NUMBER"] if str(tokens[3]) in ("to", "until", "through"):
            low, high, step = tokens[2], tokens[4], None
        case ["NUMBER", "_DOTS", "DOT", "NUMBER"]:
            low, high, step = tokens[2], tokens[5], None
        case ["NUMBER", "COLON", "NUMBER", "COLON", "NUMBER"]:
            low, high, step = tokens[2], tokens[4], tokens[6]
        case _:
            return None
    text = f"{low}..{high}" + (f" step {step}" if step else "")
    help_, fix = _written(statement, text)
    statement.say("E0141", "a range is written with two dots", _whole(statement), help_, fix)
    return _searched(statement, _lexed(text, tokens[2]))


def _other_step(statement: StatementTokens) -> list[Token] | None:
    """`64..128:32`, `64..128, 32` and `64..128 by 32`."""
    tokens, kinds = statement.tokens, statement.kinds
    if "_DOTS" not in kinds or kinds[2] == "LBRACE" or len(kinds) < 6 or kinds[-1] != "NUMBER":
        return None
    sign = tokens[-2]
    words = 2 if sign.type == "EQUAL" and kinds[-3:-2] == ["STEP"] else 1
    named = sign.type == "NAME" and str(sign) in ("by", "stride", "steps", "every")
    if not (sign.type in ("COLON", "COMMA") or named or words == 2):
        return None
    gap = Span(place(tokens[-2 - words]).end, place(tokens[-1]).start)
    help_ = f"write `step {tokens[-1]}`"
    statement.say("E0142", "the step of a range is written `step`", place(sign), help_, Fix(gap, " step "))
    return [*tokens[: -1 - words], put("STEP", "step", sign), tokens[-1]]


def _depths(kinds: list[str]) -> list[int]:
    """How many brackets stand open before each token, the token's own included."""
    depths, depth = [], 0
    for kind in kinds:
        depth += kind in ("LPAR", "LBRACE")
        depths.append(depth)
        depth -= kind in ("RPAR", "RBRACE")
    return depths
