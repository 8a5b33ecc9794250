"""How a person sees diagnostics: the message, the guilty line with a caret under it, notes and help."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from spacelang.diagnostics import Diagnostic, Label
from spacelang.source import Source

_COLOURS = {"error": "\x1b[1;31m", "warning": "\x1b[1;33m", "frame": "\x1b[34m", "bold": "\x1b[1m"}
_RESET = "\x1b[0m"
_WIDEST = 160  # characters of a source line that are shown


def render(source: Source, diagnostics: Iterable[Diagnostic], colour: bool = False) -> str:
    """The diagnostics of one text in the order of their places, a blank line between each two; those that lie in
    the texts which it extends come last."""
    ordered = sorted(diagnostics, key=lambda d: (_text(source, d.label) != source, d.label.span.start, d.code))
    return "\n".join(_one(source, diagnostic, colour) for diagnostic in ordered)


def _one(source: Source, diagnostic: Diagnostic, colour: bool) -> str:
    def paint(text: str, tone: str) -> str:
        return f"{_COLOURS[tone]}{text}{_RESET}" if colour else text

    severity = diagnostic.severity
    home = _text(source, diagnostic.label)
    labels = sorted(
        (diagnostic.label, *diagnostic.others),
        key=lambda label: (_text(source, label) != home, _text(source, label).name, label.span.start),
    )
    numbers = [_text(source, label).position(label.span.start).line for label in labels]
    margin = len(str(max(numbers)))
    blank = " " * margin
    bar = paint("|", "frame")
    lines = [
        paint(f"{severity}[{diagnostic.code}]", severity) + paint(f": {diagnostic.message}", "bold"),
    ]
    shown = 0
    last: Source | None = None
    for label, number in zip(labels, numbers, strict=True):
        text = _text(source, label)
        if text != last:
            last, shown = text, 0
            place = text.position((diagnostic.label if text == home else label).span.start)
            arrow = paint("-->" if text == home else ":::", "frame")
            lines += [f"{blank}{arrow} {text.name}:{place.line}:{place.column}", f"{blank} {bar}"]
        if shown and number > shown + 1:
            lines.append(paint(f"{'.' * margin}", "frame"))
        if number != shown:
            line = _visible(text.line(number)[:_WIDEST])[:_WIDEST]
            lines.append(f"{paint(str(number).rjust(margin), 'frame')} {bar} {line}".rstrip())
            shown = number
        caret = "^" if label is diagnostic.label else "-"
        underline = _underline(text, label, number, caret)
        tone = severity if label is diagnostic.label else "frame"
        lines.append(f"{blank} {bar} {paint(underline, tone)}")
    for note in diagnostic.notes:
        first, *rest = note.split("\n")
        lines.append(f"{blank} {paint('=', 'frame')} {paint('note', 'bold')}: {first}")
        lines += [f"{blank}         {line}".rstrip() for line in rest]
    if diagnostic.help:
        lines.append(f"{blank} {paint('=', 'frame')} {paint('help', 'bold')}: {diagnostic.help}")
    return "\n".join(lines) + "\n"


def _text(source: Source, label: Label) -> Source:
    """The text that a label points into: the one at hand, or one that it extends."""
    return label.span.source or source


def _underline(source: Source, label: Label, number: int, caret: str) -> str:
    line = source.line(number)
    start = source.position(label.span.start).column - 1
    end = min(start + max(1, label.span.end - label.span.start), max(len(line), start + 1))
    before = _width(_visible(line[: min(start, _WIDEST)]))
    under = max(1, _width(_visible(line[start : min(end, start + _WIDEST)])))
    if start >= _WIDEST or before >= _WIDEST:
        return f"(column {start + 1}) {label.text}".rstrip()
    return f"{' ' * before}{caret * min(under, _WIDEST - before)} {label.text}".rstrip()


def _visible(text: str) -> str:
    """The text with tabs as four spaces and with characters that would move or hide others replaced."""
    return "".join(
        "    " if c == "\t" else "\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) in ("Cc", "Cf") else c
        for c in text
    )


def _width(text: str) -> int:
    """Columns that a text takes on a terminal."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
