"""What the verbs of a space need of it. They stand in files with their like, as functions of the space, and are
methods of `Space`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from spacelang.api.architecture import ArchitectureLike
    from spacelang.api.measures import Amount, Further, Measures
    from spacelang.lower.bracket import Bracket
    from spacelang.lower.chain import Bounds, Genotype, Window
    from spacelang.lower.lowered import Lowered
    from spacelang.space import Space as Checked


class Priced(Protocol):
    """A space whose networks have costs: see `Space`, which says what each of these is."""

    @property
    def name(self) -> str: ...
    @property
    def checked(self) -> Checked: ...
    @property
    def lowered(self) -> Lowered: ...
    @property
    def measured(self) -> Measures: ...
    def windows(
        self, flops: Amount | None, params: Amount | None, latency: Amount | None, bounds: Further | None
    ) -> Bounds: ...
    def bracket(self, windows: Bounds) -> Bracket: ...
    def extent(self, measure: str) -> Window: ...
    def known_measure(self, measure: str) -> str: ...
    def genotype(self, architecture: ArchitectureLike) -> Genotype: ...
    def costs_of(self, genotype: Genotype) -> dict[str, int | float]: ...
