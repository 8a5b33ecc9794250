"""What a network did that a search ran whole, beside its bound on latency."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

from attrs import frozen

from spacelang.architecture import Architecture


@frozen
class WholeRun:
    """How a network did that ran whole.

    room: its bound as shares of the time that counts: it keeps the bound where 1 is between them. unit: of what
    follows. came: its time as it was timed. latency: as the machine was when the table was made. drift: by which
    factor the machine is slower than then; None: not known. margin: the share of the latency that a later timing
    may be above it. said: all that, in words.
    """

    room: tuple[float, float]
    unit: str
    came: float
    latency: float
    drift: float | None
    margin: float
    said: str

    @property
    def kept(self) -> bool:
        """Whether it keeps its bound, its margin included."""
        low, high = self.room
        return low <= 1 <= high

    @property
    def beyond(self) -> float:
        """By which factor it is outside its bound; at most 1 where it is not."""
        low, high = self.room
        return max(low, 1 / high)

    def record(self) -> dict[str, float | str | None]:
        """It as plain JSON values."""
        return {
            "unit": self.unit,
            "latency": self.latency,
            "came": self.came,
            "drift": self.drift,
            "margin": self.margin,
        }


@frozen
class Feasibility:
    """What tells whether networks keep a bound that a table alone cannot answer for. measure: that is bound. run:
    runs a network whole."""

    measure: str
    run: Callable[[Architecture], WholeRun]


def likely(cost: int, ran: Sequence[tuple[int, WholeRun]]) -> bool:
    """Whether a network will keep its bound by what a table says that it costs, and by how others did that ran
    whole, each with its cost: as they took more or less than the table said, so will it."""
    low = median(known * run.room[0] for known, run in ran)
    high = median(known * run.room[1] for known, run in ran)
    return low <= cost <= high
