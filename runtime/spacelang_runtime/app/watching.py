"""How whoever asks for work is told of it while it goes on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

from attrs import define, field, frozen

Of = TypeVar("Of")
Event = TypeVar("Event")

Say = Callable[[str], None]  # told, in lines, what a person is to know
Observe = Callable[[Event], None]
# A place to watch from, made when it is known what there is to be seen: of a run, of a training that has been set
# up.
Watching = Callable[[Of], AbstractContextManager[Observe[Event]]]


@frozen
class Measuring:
    """How far a look at data, or a measurement, has come: a share, from 0 to 1, and what to say of it."""

    share: float
    said: str


@define
class Withheld:
    """What is said by work that goes on beside other work: withheld, until it is its turn."""

    say: Say
    lines: list[str] | None = field(factory=list)

    def __call__(self, line: str) -> None:
        if self.lines is None:
            self.say(line)
        else:
            self.lines.append(line)

    def release(self) -> None:
        """Say what was withheld; what comes from now on is said as it comes."""
        lines, self.lines = self.lines or [], None
        for line in lines:
            self.say(line)


def silent(_: object) -> None:
    """Tells nobody."""


def watched_by(observe: Observe[Event]) -> Watching[Of, Event]:
    """One observer for all that is to be seen."""
    return lambda _: nullcontext(observe)
