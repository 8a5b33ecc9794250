"""Bounds on what a whole network is measured by."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from attrs import frozen

from spacelang.amount import duration, short
from spacelang.expression import Expression, Number, written
from spacelang.language.measures import EXACT, TIMES

EACH_STAGE = "each stage: "  # the measure of a bound that every stage keeps by itself begins so


@frozen
class Bound:
    """`low <= measure <= high` for the whole network, both ends included; None leaves that side open.

    total: what is summed or counted, where the measure is that and not a cost; only its ends may be fractions. Of
    `each stage: sum(heads)` every stage keeps the bound by itself.
    """

    measure: str
    low: Number | None
    high: Number | None
    total: Expression | None = None

    @property
    def of_each_stage(self) -> bool:
        """Whether every stage keeps it by itself."""
        return self.measure.startswith(EACH_STAGE)

    @property
    def of_a_table(self) -> bool:
        """Whether a table of what each block costs has to tell the measure: a time, or one of one's own."""
        return self.total is None and self.measure.isidentifier() and self.measure not in EXACT

    def holds(self, value: Number) -> bool:
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    def shown(self, value: Number) -> str:
        """A value of the measure in few digits, as a recipe has it."""
        return duration(value) if self.measure in TIMES else short(value)

    def ends(self, shown: Callable[[Number], str]) -> str:
        """In words, by what writes a value: `at most 4.5G`, `at least 4G`, `4G to 4.5G`."""
        match self.low, self.high:
            case None, None:
                return "any amount"
            case low, None if low is not None:
                return f"at least {shown(low)}"
            case None, high if high is not None:
                return f"at most {shown(high)}"
        assert self.low is not None
        assert self.high is not None
        return f"{shown(self.low)} to {shown(self.high)}"

    def __str__(self) -> str:
        left = "" if self.low is None else f"{self.shown(self.low)} <= "
        right = "" if self.high is None else f" <= {self.shown(self.high)}"
        return f"{left}{self.measure}{right}"


def to_record(bound: Bound) -> dict[str, int | str | None]:
    """A bound as JSON values; what it is a total of stays with the recipe."""
    ends = (
        None if end is None else int(end) if end.denominator == 1 else str(end) for end in (bound.low, bound.high)
    )
    return {"measure": bound.measure, **dict(zip(("low", "high"), ends, strict=True))}


def from_record(record: Mapping[str, int | str | None]) -> Bound:
    """The bound of such values."""
    low, high = (None if (end := record[side]) is None else written(end) for side in ("low", "high"))
    return Bound(str(record["measure"]), low, high)
