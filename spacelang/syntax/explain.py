"""Why a text could not be read on, in words for people: what may stand there, and the slip it probably is."""

from __future__ import annotations

from lark import Token

from spacelang.diagnostics import Diagnostic, Fix, Label, listed
from spacelang.language.vocabulary import KEYWORDS
from spacelang.source import Span
from spacelang.syntax.scan import place

_RESERVED = {word.upper() for word in KEYWORDS}
_STARTS = "a setting (`name = value`), a choice (`name in {…}`), a block (`name {`) or a `require`"


def explain(tokens: list[Token], position: int, first: int) -> Diagnostic:
    """The diagnostic for the token at `position`, where the statement that begins at `first` cannot go on."""
    token = tokens[position]
    span = place(token)
    statement = tokens[first:position]
    kinds = [t.type for t in statement]
    match token.type, kinds:
        case "COMMA", _ if "LBRACE" not in kinds and "LPAR" not in kinds:
            message, help_ = "no comma stands between statements", "put each statement on its own line"
            return Diagnostic("E0114", message, Label(span), help=help_, fix=Fix(span, ""))
        case "RBRACE", []:
            return Diagnostic("E0116", "this `}` closes nothing", Label(span), help="delete it", fix=Fix(span, ""))
        case kind, ([] | ["EACH"] | ["REQUIRE", "EACH"]) if kind in _RESERVED - {"EACH"}:
            return _reserved(token)
        case "EQUAL" | "IN" | "COLON", [kind] if kind in _RESERVED:
            return _reserved(statement[0])
        case "NUMBER" | "NAME" as kind, ["EDITION" | "SPACE" as word] if (kind == "NUMBER") == (word == "SPACE"):
            what = "a word of letters, digits and `_`" if word == "SPACE" else "a year, such as `2026`"
            help_ = f"write `{statement[0]}` and {what}"
            return Diagnostic("E0152", f"`{token}` cannot follow `{statement[0]}`", Label(span), help=help_)
        case _, ["MEASURE", *_]:
            at = Span(place(statement[0]).start, place(statement[-1] if token.type == "_LINE" else token).end)
            help_ = "write its name, a word in small letters, and its unit: `measure energy mJ`"
            return Diagnostic("E0149", "a measure is declared by its name and its unit", Label(at), help=help_)
        case _, ["EXTENDS" | "NARROWS"]:
            help_ = f'such as `{statement[0]} "other.space"`'
            return Diagnostic("E0601", "a path stands in double quotes", Label(span), help=help_)
        case "NUMBER" | "COLON", ["REQUIRE", "NAME"] if statement[1] in ("stage", "layer"):
            return _rule_of(statement[1], token)
        case "NUMBER", ["REQUIRE", "EACH", "NAME"] if statement[2] in ("stage", "layer"):
            return _rule_of(statement[2], token)
        case "_LINE", _:
            return _broken_line(statement, span)
        case "RBRACE", _ if kinds.count("LBRACE") <= kinds.count("RBRACE"):
            return _broken_line(statement, span)
    if len(statement) > 100:
        help_ = "split it into several `require` lines; they hold together"
        at = Span(place(statement[0]).start, span.end)
        return Diagnostic("E0118", "this statement is too long to be read", Label(at), help=help_)
    if token.type == "RELATION" and kinds == ["NAME"]:
        help_ = f"write `require each stage: {statement[0]} {token} …`, or `{statement[0]} = …` to decide it"
        return Diagnostic("E0156", "a comparison stands in a `require`", Label(span), help=help_)
    return Diagnostic("E0101", f"`{token}` cannot stand here", Label(span), notes=(_expected(statement),))


def _rule_of(scope: Token, token: Token) -> Diagnostic:
    """`require layer 1: …` and `require stage: …`, which lack their `each`."""
    message, at, fix = f"`{token}` cannot stand here", Label(place(token)), None
    if token.type == "COLON":
        help_, fix = f"write `require each {scope}: …`", Fix(place(scope), f"each {scope}")
    elif scope == "stage":
        help_ = f"write `require each stage: …` inside `stage {token} {{ … }}`: there it speaks of that stage alone"
    else:
        help_ = "write `require each layer: …`: layers have no numbers, and a rule of layers speaks of every one"
    return Diagnostic("E0101", message, at, help=help_, fix=fix)


def _reserved(token: Token) -> Diagnostic:
    message = f"`{token}` is a word of the grammar and cannot be a name here"
    help_ = f"the words of the grammar are {listed(sorted(word.lower() for word in _RESERVED), 'and')}"
    if token == "step":
        help_ += "; the block of `refine` is `steps { … }`"
    return Diagnostic("E0117", message, Label(place(token)), help=help_)


def _broken_line(statement: list[Token], span: Span) -> Diagnostic:
    kinds = [t.type for t in statement]
    last = statement[-1] if statement else None
    at = place(last) if last else span
    match kinds:
        case ["NAME"]:
            help_ = f"write `{last} = value` to decide it, or `{last} in {{…}}` to search it"
            return Diagnostic("E0124", f"nothing is said of `{last}`", Label(at), help=help_)
        case [*_, "IN"]:
            return Diagnostic("E0121", "the options are missing", Label(at), help="write `{a, b}` or `a..b`")
        case ["NAME", "IN", *_] if "_DOTS" not in kinds and "LBRACE" not in kinds:
            sign = place(statement[1])
            help_ = f"write `{statement[0]} = …` for one value, or `{statement[0]} in {{…}}` for several"
            return Diagnostic("E0153", "a choice is a set or a range", Label(at), help=help_, fix=Fix(sign, "="))
        case ["EACH" | "NAME", *_] if "EQUAL" not in kinds and "IN" not in kinds:
            message, help_ = "a block needs its `{` on the same line", "end the line with `{`"
            return Diagnostic("E0122", message, Label(at), help=help_)
        case _:
            message, notes = "the line ends in the middle of a statement", (_expected(statement),)
            return Diagnostic("E0119", message, Label(at), notes=notes, help="finish it on the same line")


def _expected(statement: list[Token]) -> str:
    match [t.type for t in statement]:
        case []:
            return f"a statement is {_STARTS}"
        case ["NAME"]:
            return f"after `{statement[0]}` comes `=`, `in`, a number and `{{`, or `{{`"
        case ["EACH", *_]:
            return "after `each` comes `stage {` or `layer {`"
        case [*_, "EQUAL" | "RELATION" | "PLUS" | "MINUS" | "STAR" | "SLASH" | "PERCENT" | "LPAR" | "COMMA"]:
            return "a number, a name or an expression in parentheses is expected"
        case [*_, "NUMBER" | "NAME" | "RPAR" | "RBRACE"]:
            return "the statement could end here, or go on with an operator"
        case _:
            return f"a statement is {_STARTS}"
