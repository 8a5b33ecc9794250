"""The broken images of a run, each reported once."""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field

NAMED = 20


@define
class Skipped:
    """The broken images met so far, by name, with the reason; a new one is told to `say`, with the count.

    A folder full of them is not worth a line each: after 20, a line each time their number has doubled.
    """

    say: Callable[[str], None]
    reasons: dict[str, str] = field(factory=dict)

    def __call__(self, name: str, reason: str) -> None:
        if name in self.reasons:
            return
        self.reasons[name] = reason
        count = len(self.reasons)
        if count <= NAMED or count & (count - 1) == 0:
            self.say(f"skipped a broken image: {name}: {reason} ({count} so far)")
