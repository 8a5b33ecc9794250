"""How many networks cost how much."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen

from spacelang.amount import counted
from spacelang.api.measures import LABELS, Measures
from spacelang_runtime.failure import Failure

if TYPE_CHECKING:
    from spacelang.canvas import Canvas
    from spacelang.lower.chain import Window

Bins = tuple[tuple["Window", int], ...]


@frozen(repr=False)
class Histogram:
    """Equal windows on a measure, each with its exact number of networks. space: the name of the space."""

    space: str
    measure: str
    bins: Bins
    measured: Measures = Measures()

    @property
    def total(self) -> int:
        """Networks in all bins together."""
        return sum(count for _, count in self.bins)

    def records(self) -> list[dict[str, Any]]:
        """A row for each bin: its least and greatest value, both inside it, and its number of networks."""
        return [
            {
                "low": self.measured.plain(self.measure, window.lo),
                "high": self.measured.plain(self.measure, window.hi),
                "count": count,
            }
            for window, count in self.bins
        ]

    def canvas(self) -> Canvas:
        """The bars on a canvas; each tells its numbers when pointed at."""
        from spacelang.amount import spaced
        from spacelang.chart import Bars, drawn, heights

        label, name, own = LABELS.get(self.measure, self.measure), self.measure, self.measured
        ends = ("", "")
        if self.bins:
            ends = (own.short(name, self.bins[0][0].lo), f"{own.short(name, self.bins[-1][0].hi)} {label}")
        notes = tuple(
            f"{own.spaced(name, window.lo)} to {own.spaced(name, window.hi)}: {counted(count, 'network', spaced)}"
            for window, count in self.bins
        )
        counts = [count for _, count in self.bins]
        return drawn(Bars(f"{self.space}: networks by {label}", heights(counts), notes, ends))

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Write the bars as a picture; the suffix, .svg or .png, says in which format."""
        from spacelang.canvas import save

        try:
            save(self.canvas(), Path(path))
        except ValueError as reason:
            raise Failure(str(reason)) from None

    def __repr__(self) -> str:
        return f"<Histogram of {self.space} by {self.measure}: {len(self.bins)} bins>"

    def _repr_html_(self) -> str:
        from spacelang.canvas import svg

        return svg(self.canvas())
