"""Why a text could not be read on, in words for people: what may stand there, and the slip it probably is."""

from __future__ import annotations

from lark import Token

from spacelang.diagnostics import Diagnostic, Label
from spacelang.source import Span
from spacelang.syntax.scan import place, unclosed

_RESERVED = {"EDITION", "SPACE", "EACH", "IN", "STEP", "REQUIRE", "AND", "OR", "NOT"}
_STARTS = "a setting (`name = value`), a choice (`name in {…}`), a block (`name {`) or a `require`"


def explain(tokens: list[Token], position: int, first: int, length: int) -> Diagnostic:
    """The diagnostic for the token at `position`, where the statement that begins at `first` cannot go on."""
    before = tokens[position - 1] if position > 0 else None
    if position == len(tokens):
        return _unfinished(tokens, before, length)
    token = tokens[position]
    span = place(token)
    statement = tokens[first:position]
    match token.type, [t.type for t in statement]:
        case "COLON", ["NAME"]:
            return Diagnostic(
                "E0102", "a setting is written with `=`", Label(span), help=f"write `{statement[0]} = …`"
            )
        case "COMMA", _ if "LBRACE" not in [t.type for t in statement]:
            help_ = "put each statement on its own line"
            return Diagnostic("E0114", "no comma stands between statements", Label(span), help=help_)
        case "LBRACE", ["NAME", "EQUAL"]:
            help_ = f"write `{statement[0]} in {{…}}`: `=` decides, `in` searches"
            return Diagnostic("E0115", "a set of options is a choice, not a setting", Label(span), help=help_)
        case "__ANON_0", ["NAME", "EQUAL", *_]:
            help_ = f"write `{statement[0]} in a..b`: `=` decides, `in` searches"
            return Diagnostic("E0115", "a range of options is a choice, not a setting", Label(span), help=help_)
        case "RBRACE", []:
            return Diagnostic("E0116", "this `}` closes nothing", Label(span))
        case "NUMBER" | "NAME", ["NAME"]:
            help_ = f"write `{statement[0]} = {token}`"
            return Diagnostic("E0102", f"`=` or `in` is missing after `{statement[0]}`", Label(span), help=help_)
        case kind, ([] | ["EACH"]) if kind in _RESERVED - {"EACH"}:
            return Diagnostic("E0117", f"`{token}` is a word of the grammar and cannot be a name here", Label(span))
        case "_LINE", _:
            return _broken_line(statement, span)
    if len(statement) > 100:
        help_ = "split it into several `require` lines; they hold together"
        return Diagnostic("E0118", "this expression is too long to be read", Label(span), help=help_)
    return Diagnostic("E0101", f"`{token}` cannot stand here", Label(span), notes=(_expected(statement),))


def _unfinished(tokens: list[Token], before: Token | None, length: int) -> Diagnostic:
    open_: list[Token] = []
    for token in tokens:
        if token.type in ("LBRACE", "LPAR"):
            open_.append(token)
        elif token.type in ("RBRACE", "RPAR") and open_:
            open_.pop()
    end = Span(max(0, length - 1), length)
    if not open_:
        last = place(before) if before else end
        return Diagnostic("E0119", "the text ends in the middle of a statement", Label(last))
    return unclosed(open_[-1])


def _broken_line(statement: list[Token], span: Span) -> Diagnostic:
    kinds = [t.type for t in statement]
    last = statement[-1] if statement else None
    at = place(last) if last else span
    match kinds:
        case ["NAME"]:
            help_ = f"write `{last} = value` to decide it, or `{last} in {{…}}` to search it"
            return Diagnostic("E0102", f"nothing is said of `{last}`", Label(at), help=help_)
        case ["NAME", "NUMBER"] if statement[0] != "stage":
            help_ = f"write `{statement[0]} = {last}`"
            return Diagnostic("E0102", f"`=` is missing after `{statement[0]}`", Label(at), help=help_)
        case ["NAME", "IN", "NAME", "LPAR", *_] if statement[2] == "range":
            help_ = f"write `{statement[0]} in a..b`, or `a..b step s`; both ends are in it"
            return Diagnostic(
                "E0121", "a range has two dots between its ends", Label(place(statement[2])), help=help_
            )
        case [*_, "IN"]:
            return Diagnostic("E0121", "the options are missing", Label(at), help="write `{a, b}` or `a..b`")
        case ["NAME", "IN", *_] if "__ANON_0" not in kinds and "LBRACE" not in kinds:
            help_ = f"write `{statement[0]} in {{…}}`, or `{statement[0]} = …` for one value"
            return Diagnostic("E0121", "a choice is a set or a range", Label(at), help=help_)
        case ["EACH" | "NAME", *_] if "EQUAL" not in kinds and "IN" not in kinds:
            return Diagnostic("E0122", "a block needs its `{` on the same line", Label(at))
        case _:
            return Diagnostic("E0119", "the line ends in the middle of a statement", Label(at))


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
