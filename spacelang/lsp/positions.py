"""Offsets in a text, and the lines and columns by which an editor counts.

Editors count lines from 0, end them at `\\n`, `\\r\\n` or `\\r`, and count columns in units of an encoding that is
agreed upon at the start: UTF-16 unless both sides know better, where a character beyond U+FFFF takes two.
https://microsoft.github.io/language-server-protocol/specifications/lsp/3.17/specification/#textDocuments
"""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cached_property
from typing import Literal

from attrs import define

Encoding = Literal["utf-8", "utf-16", "utf-32"]
_BREAK = re.compile(r"\r\n|\r|\n")


@define(frozen=True, slots=False)
class Lines:
    """A text as an editor counts it."""

    text: str
    encoding: Encoding = "utf-16"

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(match.end() for match in _BREAK.finditer(self.text))]

    def position(self, offset: int) -> tuple[int, int]:
        """The line and the column, both from 0, of an offset; past the end, those of the end."""
        offset = min(offset, len(self.text))
        line = bisect_right(self._starts, offset) - 1
        return line, sum(self._units(character) for character in self.text[self._starts[line] : offset])

    def offset(self, line: int, column: int) -> int:
        """The offset of a line and a column. Past the end of a line it is that end; inside a character, its
        beginning; past the last line, the end of the text."""
        if line >= len(self._starts):
            return len(self.text)
        start = self._starts[line]
        match = _BREAK.search(self.text, start)
        end = match.start() if match else len(self.text)
        for offset in range(start, end):
            column -= self._units(self.text[offset])
            if column < 0:
                return offset
        return end

    def _units(self, character: str) -> int:
        """How many units of the encoding a character takes."""
        code = ord(character)
        match self.encoding:
            case "utf-8":
                return 1 if code < 0x80 else 2 if code < 0x800 else 3 if code < 0x10000 else 4
            case "utf-16":
                return 1 if code < 0x10000 else 2
            case "utf-32":
                return 1
