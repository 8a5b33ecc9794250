"""The head of a file: its edition and its name."""

from __future__ import annotations

from spacelang.diagnostics import Diagnostic, Fix, Label, listed
from spacelang.expression import decimal
from spacelang.source import Span
from spacelang.syntax import tree

EDITIONS = (2026,)


def edition(statement: tree.Edition, index: int, before: int | None, found: list[Diagnostic]) -> int:
    """The edition that a statement says. index: of the statement in the file. before: one already said."""
    number = statement.number
    if before is not None:
        message, fix = "a file has one edition", Fix(statement.span, "")
        found.append(Diagnostic("E0219", message, Label(statement.span), help="delete this line", fix=fix))
    elif index:
        message = "the edition is the first statement of a file"
        found.append(Diagnostic("E0204", message, Label(statement.span), help="move it to the top"))
    if number.value not in EDITIONS:
        known = listed([str(e) for e in EDITIONS])
        message, fix = f"there is no edition {decimal(number.value)}", Fix(number.span, str(EDITIONS[-1]))
        found.append(Diagnostic("E0205", message, Label(number.span), help=f"write {known}", fix=fix))
    return int(number.value)


def complete(edition: int | None, name: str | None, found: list[Diagnostic]) -> None:
    """Report an edition or a name that a file does not say."""
    top = Label(Span(0, 1))
    if edition is None:
        message, help_ = "the edition is missing", "begin the file with `edition 2026`"
        found.append(Diagnostic("E0201", message, top, help=help_, fix=Fix(Span(0, 0), "edition 2026\n")))
    if name is None:
        help_ = "write `space NAME` under the edition"
        found.append(Diagnostic("E0202", "the space has no name", top, help=help_))


def inside_a_block(statement: tree.Edition | tree.SpaceName | tree.Extends | tree.MeasureStatement) -> Diagnostic:
    """The finding for a statement of the head, or a declaration, that stands in a block."""
    if isinstance(statement, tree.MeasureStatement):
        message, help_ = "a measure is declared at the root, outside all blocks", "move it out of the block"
        return Diagnostic("E0218", message, Label(statement.span), help=help_)
    message, help_ = "this stands at the head of a file, outside all blocks", "move it to the top"
    return Diagnostic("E0218", message, Label(statement.span), help=help_)
