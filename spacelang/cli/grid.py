"""Rows of text under a heading, in columns."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from rich.table import Table

WIDEST = 160  # columns of text where there is no terminal that has a width
_GAP = "   "


@frozen
class TextGrid:
    """A heading and rows, each with as many cells. A cell may hold marks of rich."""

    heading: tuple[str, ...]
    body: tuple[tuple[str, ...], ...]

    def __rich__(self) -> Table:
        from rich.box import SIMPLE_HEAD
        from rich.table import Table

        table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
        for name in self.heading:
            table.add_column(name)
        for row in self.body:
            table.add_row(*row)
        return table

    def lines(self) -> list[str] | None:
        """What rich would print where there is no terminal, without waiting for it; None where only rich knows."""
        rows = (self.heading, *self.body)
        if not all(plain(cell) for row in rows for cell in row):
            return None
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        whole = sum(widths) + len(_GAP) * (len(widths) - 1)
        if whole > WIDEST:  # cells are folded
            return None
        text = [_GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
        return [text[0], "─" * whole, *text[1:]]


def plain(text: str) -> bool:
    """Whether a text says to rich what it says to anybody: no marks, no names of pictures, every character one
    column wide."""
    if "[" in text or "\n" in text or "\t" in text or re.search(r":\S+:", text):
        return False
    return text.isascii() or not any(
        unicodedata.combining(c) or unicodedata.east_asian_width(c) in "WF" for c in text
    )
