"""Words that begin a statement in other languages and none in this one."""

from __future__ import annotations

from spacelang.diagnostics import Fix
from spacelang.source import Span
from spacelang.syntax.scan import place
from spacelang.syntax.statement import Statement

LOOPS = ("for", "while", "foreach", "repeat")
BRANCHES = ("if", "else", "elif", "unless", "when", "switch", "try", "except")
PREFIXES = ("let", "var", "const", "val", "auto", "int", "float", "def", "resource", "variable", "param")
LOADS = ("import", "from", "include", "using", "class", "return", "print", "module", "package")


def no_such_word(statement: Statement) -> None:
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
