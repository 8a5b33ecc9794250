"""Braces in a path, as a shell and webdataset have them: `shards-{000000..000099}.tar`, `{train,val}.tar`."""

from __future__ import annotations

import re

from spacelang_runtime.failure import Failure

MOST = 1_000_000  # paths
_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d+)\.\.(\d+)")


def expanded(text: str) -> list[str]:
    """All that a text with braces stands for, in order; the text itself, where it has none."""
    whole = [""]
    rest = text
    while braces := _BRACES.search(rest):
        options = _options(braces[1], text)
        if len(whole) * len(options) > MOST:
            raise Failure(f"{text} stands for more than {MOST} files", "name a folder of them")
        whole = [head + rest[: braces.start()] + option for head in whole for option in options]
        rest = rest[braces.end() :]
    return [head + rest for head in whole]


def _options(inside: str, text: str) -> list[str]:
    if numbers := _RANGE.fullmatch(inside):
        first, last = int(numbers[1]), int(numbers[2])
        if not first <= last < first + MOST:
            raise Failure(f"{text}: {{{inside}}} is no range of files", "write the lower number first")
        width = len(numbers[1]) if numbers[1].startswith("0") else 0
        return [f"{number:0{width}d}" for number in range(first, last + 1)]
    return inside.split(",")
