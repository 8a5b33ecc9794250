"""Networks that were drawn from a space."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import frozen

from spacelang.amount import counted
from spacelang.api.architecture import Architecture


@frozen(repr=False)
class Networks:
    """Networks of a space, in the order drawn: a sequence of architectures.

    space: its name. costs: of each network by measure, in the units of the tables. narrowed: they come from a
    slightly narrower window than asked for, since there are too many sums to draw exactly at its ends.
    """

    space: str
    architectures: tuple[Architecture, ...]
    costs: tuple[Mapping[str, int | float], ...]
    narrowed: bool = False

    def __len__(self) -> int:
        return len(self.architectures)

    def __iter__(self) -> Iterator[Architecture]:
        return iter(self.architectures)

    def __getitem__(self, at: int) -> Architecture:
        return self.architectures[at]

    def records(self) -> list[dict[str, Any]]:
        """A row for each network: its name, its line, and what it costs by measure."""
        return [
            {"name": one.name, "line": one.line} | dict(spent)
            for one, spent in zip(self.architectures, self.costs, strict=True)
        ]

    def __repr__(self) -> str:
        return f"<{counted(len(self), 'network')} of {self.space}>"

    def _repr_html_(self) -> str:
        from spacelang.html import of_records

        return of_records(repr(self)[1:-1], self.records())
