"""What a place in a text is inside of. The text may be half typed: brackets and line ends tell."""

from __future__ import annotations

import re
from typing import Literal

from attrs import frozen

from spacelang.language import word as language

CursorLevel = language.Level | Literal["unknown"]

_MARK = re.compile(r'#[^\n]*|"[^"\n]*"?|[{}()\n]')
_STATEMENT = re.compile(
    r"\s*(require|each|edition|space|extends|narrows|measure)\b|\s*[A-Za-z_]\w*[ \t]*(=(?!=)|in\b|\{)"
)
_SET_FOLLOWS = re.compile(r"(\bin|=)\s*\Z")


@frozen
class Context:
    """level and stage: the scope; stage is None where all are spoken of. start: where the statement begins.
    body: where the innermost block begins. quiet: whether the place lies in a comment. quoted: where the text in
    quotes begins that the place lies in, or None."""

    level: CursorLevel
    stage: int | None
    start: int
    body: int
    quiet: bool = False
    quoted: int | None = None


def context(text: str, offset: int) -> Context:
    """What the place at an offset is inside of."""
    open_: list[tuple[str, int]] = []  # "{" or "(" of an expression, or a block's header; and where it opened
    start, quiet, quoted = 0, False, None
    for match in _MARK.finditer(text, 0, offset):
        mark, end = match.group(), match.end()
        inside = bool(open_) and open_[-1][0] in ("{", "(")
        match mark[0]:
            case "#":
                quiet = end == offset
            case '"':
                if end == offset and (len(mark) == 1 or mark[-1] != '"'):
                    quoted = match.start() + 1
            case "{" if inside or _SET_FOLLOWS.search(text, start, match.start()):
                open_.append(("{", end))
            case "{":
                open_.append((text[start : match.start()].strip() or "?", end))
                start = end
            case "(":
                open_.append(("(", end))
            case "}" | ")" if open_:
                if open_.pop()[0] not in ("{", "("):
                    start = end
            case "\n" if not inside:
                start = end
            case "\n" if _STATEMENT.match(text, end):
                while open_ and open_[-1][0] in ("{", "("):
                    open_.pop()
                start = end
    level, stage = _scope([header for header, _ in open_ if header not in ("{", "(")])
    body = next((at for header, at in reversed(open_) if header not in ("{", "(")), 0)
    return Context(level, stage, start, body, quiet, quoted)


def _scope(headers: list[str]) -> tuple[CursorLevel, int | None]:
    level: CursorLevel = "root"
    stage: int | None = None
    for header in headers:
        match level, header.split():
            case "root", ["each", "stage"]:
                level = "stage"
            case "root", ["stage", number] if number.isdecimal():
                level, stage = "stage", int(number)
            case "root" | "stage", ["each", "layer"]:
                level = "layer"
            case "root", ["train" | "evolve" | "refine" as recipe]:
                level = recipe
            case "evolve", ["mutate"]:
                level = "mutate"
            case "refine", ["steps"]:
                level = "steps"
            case _:
                level = "unknown"
    return level, stage
