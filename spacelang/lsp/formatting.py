"""Formatting as edits of lines, so that the cursor stays where it is."""

from __future__ import annotations

from difflib import SequenceMatcher

from spacelang.diagnostics import Fix
from spacelang.source import Source, Span
from spacelang.syntax.format import formatted


def formatting(source: Source) -> tuple[Fix, ...]:
    """What brings a text into the canonical layout; nothing where it has syntax errors. A text whose lines end in
    `\\r\\n` keeps these."""
    result = formatted(source).text
    if result is None:
        return ()
    if "\r\n" in source.text:
        result = result.replace("\n", "\r\n")
    old, new = source.text.split("\n"), result.split("\n")
    starts = [0]
    for line in old:
        starts.append(starts[-1] + len(line) + 1)
    edits = []
    for kind, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        # The last line of a text has no line end: what reaches it takes the one before instead.
        lead = b == len(old) and a > 0
        span = Span(starts[a] - lead, min(starts[b], len(source.text)))
        lines = "".join(f"\n{line}" if lead else f"{line}\n" for line in new[c:d])
        edits.append(Fix(span, lines if lead or b < len(old) else lines[:-1]))
    return tuple(edits)
