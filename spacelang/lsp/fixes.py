"""Quick fixes: the mends that diagnostics carry, and those that their help spells out to the letter."""

from __future__ import annotations

import re
from collections.abc import Iterable

from attrs import frozen

from spacelang.diagnostics import Diagnostic, Fix

# Of these, the help is the very text to put in the place of what is underlined: the nearest value allowed.
_SPELT_OUT = ("E0303", "E0321", "E0402")


@frozen
class QuickFix:
    """A mend to offer. preferred: whether it needs no judgement, so that it may be made unasked with others."""

    title: str
    diagnostic: Diagnostic
    fix: Fix
    preferred: bool


def fixes(diagnostics: Iterable[Diagnostic], text: str) -> tuple[QuickFix, ...]:
    """What can be mended in the text at hand, in the order of the findings."""
    actions = (_fix(diagnostic, text) for diagnostic in diagnostics)
    return tuple(fix for fix in actions if fix is not None)


def _fix(diagnostic: Diagnostic, text: str) -> QuickFix | None:
    fix, preferred = diagnostic.fix, True
    if fix is None and diagnostic.code in _SPELT_OUT:
        exact = re.fullmatch(r"write `([^`…]+)`", diagnostic.help or "")
        fix, preferred = Fix(diagnostic.label.span, exact.group(1)) if exact else None, False
    if fix is None or fix.span.source is not None:
        return None
    return QuickFix(_title(fix, text), diagnostic, fix, preferred)


def _title(fix: Fix, text: str) -> str:
    old, new = _shown(text[fix.span.start : fix.span.end]), _shown(fix.replacement)
    if old and new:
        return f"Replace `{old}` with `{new}`"
    if new:
        return f"Insert `{new}`"
    return f"Delete `{old}`" if old else "Delete the blank"


def _shown(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= 40 else f"{words[:37]}…"


def together(offered: Iterable[QuickFix]) -> tuple[Fix, ...]:
    """The mends that need no judgement and that do not touch one another, from the first place on."""
    chosen: list[Fix] = []
    for fix in sorted((o.fix for o in offered if o.preferred), key=lambda f: (f.span.start, f.span.end)):
        if not chosen or fix.span.start >= chosen[-1].span.end + (fix.span.start == chosen[-1].span.start):
            chosen.append(fix)
    return tuple(chosen)
