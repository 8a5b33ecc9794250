"""What is wrong with a text, as values: collected by the passes, shown by `render`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from attrs import frozen

from spacelang.source import Span

Severity = Literal["error", "warning"]


@frozen
class Label:
    """A place and what is to be said there."""

    span: Span
    text: str = ""


@frozen
class Fix:
    """A mend that needs no judgement: the text at `span` gives way to `replacement`."""

    span: Span
    replacement: str


@frozen
class Diagnostic:
    """One finding. code: stable, `E` for errors and `W` for warnings. label: the guilty place. others: places
    that explain it. notes: facts, of one line or several. help: what to do. fix: the mend, where it is
    mechanical."""

    code: str
    message: str
    label: Label
    others: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    help: str | None = None
    fix: Fix | None = None

    @property
    def severity(self) -> Severity:
        return "error" if self.code.startswith("E") else "warning"


MOST_FINDINGS = 100  # that are told of one text


def first(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """The findings that are told: all, or the first of a text and that there are more."""
    told = tuple(diagnostics)
    if len(told) <= MOST_FINDINGS:
        return told

    def place(diagnostic: Diagnostic) -> tuple[bool, bool, int]:
        return diagnostic.label.span.source is not None, diagnostic.severity != "error", diagnostic.label.span.start

    ordered = sorted(told, key=place)
    at = ordered[MOST_FINDINGS].label
    message = f"there is more to say of this text than the {MOST_FINDINGS} findings that are told"
    help_ = "mend these first, or begin with a space that is right: spacelang new"
    return (*ordered[:MOST_FINDINGS], Diagnostic("E0157", message, Label(at.span), help=help_))


def errors(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Those that forbid the space."""
    return tuple(d for d in diagnostics if d.severity == "error")


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant: at most a third of its letters differ."""
    import difflib  # what is right need not wait for it

    close = [other for other in known if abs(len(other) - len(word)) <= max(1, len(other) // 3)]
    best = difflib.get_close_matches(word.lower(), close, n=1, cutoff=0.6)
    if best and _distance(word.lower(), best[0]) <= max(1, len(best[0]) // 3):
        return best[0]
    return None


def _distance(a: str, b: str) -> int:
    """Single-letter edits that turn one word into the other, a swap of neighbours being one."""
    before_last: list[int] = []
    last = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            edit = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                edit = min(edit, before_last[j - 2] + 1)
            row.append(edit)
        before_last, last = last, row
    return last[-1]


def listed(words: Iterable[str], last: str = "or") -> str:
    """`a, b or c`."""
    words = list(words)
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"
