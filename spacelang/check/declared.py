"""Measures of one's own: which a file, and those that it is made from, declare."""

from __future__ import annotations

import re
from collections.abc import Mapping

from spacelang.diagnostics import Diagnostic, Fix, Label
from spacelang.language.measures import KNOWN
from spacelang.language.vocabulary import KEYWORDS
from spacelang.syntax import tree

Declarations = Mapping[str, tree.MeasureStatement]


def declared(file: tree.File, inherited: Declarations, found: list[Diagnostic]) -> dict[str, tree.MeasureStatement]:
    """The measures that a file knows besides the language's. inherited: of the files that it is made from."""
    own: dict[str, tree.MeasureStatement] = {}
    for statement in file.statements:
        if not isinstance(statement, tree.MeasureStatement):
            continue
        name, before = statement.name.text, inherited.get(statement.name.text)
        if name in own:
            others = (Label(own[name].name.span, "first here"),)
            label, message = Label(statement.name.span, "again here"), f"`{name}` is said twice in the same place"
            found.append(Diagnostic("E0217", message, label, others=others, help="keep one of them"))
        elif wrong := no_name(statement.name):
            found.append(wrong)
        elif before is not None and unit(before) != unit(statement):
            at = Label(statement.unit.span if statement.unit else statement.name.span)
            message = f"`{name}` is declared in {unit(before) or 'no unit'} by the file that this one is made from"
            help_ = "delete the line: what is declared there is known here"
            found.append(Diagnostic("E0236", message, at, help=help_))
        else:
            own[name] = statement
    return {**inherited, **own}


def unit(measure: tree.MeasureStatement) -> str:
    """The unit of a measure; empty where it has none."""
    return measure.unit.text if measure.unit else ""


def no_name(word: tree.Identifier) -> Diagnostic | None:
    """What keeps a word from being the name of a measure of one's own."""
    from spacelang.language.words import NAMES  # a space that declares nothing need not wait for it

    name, at = word.text, Label(word.span)
    if name in KNOWN:
        message = f"`{name}` is a measure of the language, and not declared"
        help_ = "delete the line: bounds speak of it without"
        return Diagnostic("E0235", message, at, help=help_)
    if name in KEYWORDS or any(name in known for known in NAMES.values()):
        message = f"`{name}` is a word of the language, and cannot be a measure"
        return Diagnostic("E0235", message, at, help="give the measure a name of its own, such as `energy`")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        ours = name.lower().lstrip("_0123456789") or "energy"
        message = "a measure is a name in small letters, as in its table"
        return Diagnostic("E0235", message, at, help=f"write `{ours}`", fix=Fix(word.span, ours))
    return None
