"""Texts and the places in them."""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from attrs import define, field, frozen


@frozen
class Span:
    """A stretch of a text: the offsets of its first character and of the one after its last.

    source: the text that it lies in, where that is not the text at hand but one that it extends.
    """

    start: int
    end: int
    source: Source | None = field(default=None, repr=False)


@frozen
class Position:
    """A place as people count: the first line is 1, the first column is 1."""

    line: int
    column: int


@define(frozen=True, slots=False)
class Source:
    """A named text. `name` is what messages call it: a path, or `<stdin>`."""

    name: str
    text: str

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(match.end() for match in re.finditer("\n", self.text))]

    @property
    def lines(self) -> int:
        """How many lines the text has; a text without a line break has one."""
        return len(self._starts)

    def position(self, offset: int) -> Position:
        """The line and column of an offset."""
        if offset == 0:
            return Position(1, 1)
        line = bisect_right(self._starts, offset)
        return Position(line, offset - self._starts[line - 1] + 1)

    def line(self, number: int) -> str:
        """The text of one line, numbered from 1, without its line break."""
        if number == 1:  # said of texts that are refused unread, too: their lines are not counted
            return self.text.partition("\n")[0].rstrip("\r")
        start = self._starts[number - 1]
        end = self._starts[number] - 1 if number < len(self._starts) else len(self.text)
        return self.text[start:end].rstrip("\r")

    def excerpt(self, span: Span) -> str:
        """The text that a span covers."""
        return self.text[span.start : span.end]


class NotAText(ValueError):
    """What is wrong with the bytes of a file that should be a text."""


_MOST_BYTES = 4_000_000  # more than any text that is read has


def read(path: Path) -> Source:
    """The text of a file. Raises OSError, or `NotAText`."""
    with path.open("rb") as file:
        return take(file, str(path))


def take(file: BinaryIO, name: str) -> Source:
    """The text that comes out of a file or a pipe, however long that goes on. Raises `NotAText`."""
    data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise NotAText("is too large to be a space")
    try:
        return Source(name, data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise NotAText(f"is not UTF-8 text (byte {error.start})") from None
