"""Words that begin a statement in other languages and none in this one."""

from __future__ import annotations

from lark import Token

from spacelang.diagnostics import Fix
from spacelang.source import Span
from spacelang.syntax.scan import place, put
from spacelang.syntax.statement import StatementTokens

LOOPS = ("for", "while", "foreach", "repeat")
BRANCHES = ("if", "else", "elif", "unless", "when", "switch", "try", "except")
PREFIXES = ("let", "var", "const", "val", "auto", "int", "float", "def", "resource", "variable", "param")
LOADS = ("import", "from", "include", "using", "class", "return", "print", "module", "package")


def no_such_word(statement: StatementTokens) -> None:
    word = str(statement.tokens[0])
    if word in LOOPS:
        help_ = "write `each stage {` or `each layer {` for what all have in common, and `stage 1 {` for one stage"
    elif word in BRANCHES:
        help_ = "a space has no cases: `require` removes what must not be, and `stage 2 {` speaks of one stage"
    elif word in PREFIXES:
        help_ = "write the name alone: `name = value`, or `name in {…}`"
    else:
        help_ = "a space says all there is to say itself; delete the line"
    at = place(statement.tokens[0])
    fix = Fix(Span(at.start, place(statement.tokens[1]).start), "") if word in PREFIXES else None
    statement.say("E0135", f"`{word}` is no word of this language", at, help_, fix)


def foreign_word(statement: StatementTokens) -> bool:
    """Whether a statement begins as a loop or a branch does, and not as a setting or a choice of that name."""
    return str(statement.tokens[0]) in (*LOOPS, *BRANCHES) and statement.kinds[1:2] not in (["EQUAL"], ["IN"])


def loop_meant(statement: StatementTokens) -> list[Token] | None:
    """What a loop or a branch over stages or layers is meant to be: `each stage` or `each layer`."""
    word = statement.tokens[0]
    text = " ".join(statement.tokens)
    no_such_word(statement)
    if str(word) not in LOOPS:
        return None
    level = "layer" if "layer" in text else "stage"
    return [put("EACH", "each", word), put("NAME", level, statement.tokens[-1])]
