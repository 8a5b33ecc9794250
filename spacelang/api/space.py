"""A space, as the front door hands it out."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import define, evolve, field

from spacelang.api import counting as _counting
from spacelang.api import drawing as _drawing
from spacelang.api.architecture import Architecture, ArchitectureLike, known
from spacelang.api.measures import Amount, Further, Measures, known_as, priced
from spacelang.api.worded import worded
from spacelang.lower.bounds import windows
from spacelang.lower.lowered import Lowered, lower
from spacelang.space import Space as Checked
from spacelang_runtime.failure import Failure

if TYPE_CHECKING:
    from spacelang.check.scopes import Replaced
    from spacelang.diagnostics import Diagnostic
    from spacelang.diff import Difference
    from spacelang.lower.bracket import Bracket
    from spacelang.lower.chain import Bounds, Genotype, Window
    from spacelang.source import Source


@define(frozen=True, slots=False, repr=False)
class Space:
    """A checked space. What is lowered from it is made when it is first asked for.

    checked: the value that the compiler and the runtime work on. source: the text that it was made from, if it was.
    diagnostics: warnings. costs: files of further costs. Two spaces are equal where these describe the same.

    Calls take bounds by keyword, in the words and units of the command line: `flops="4.5G"` is at most,
    `"4G..4.5G"` is between, `4.5e9` and `(4e9, 4.5e9)` are the same in numbers; `latency="5ms"` needs a table of
    latencies (`with_costs`), and `bounds={"energy": "2..2.5"}` bounds any measure by its name. What bounds no
    measure raises `Failure`.
    """

    checked: Checked
    source: Source | None = field(default=None, eq=False)
    diagnostics: tuple[Diagnostic, ...] = field(default=(), eq=False)
    replaced: tuple[Replaced, ...] = field(default=(), eq=False)
    costs: tuple[Path, ...] = ()

    # Verbs of many words stand in files with their like.
    count = _counting.count
    between = _counting.between
    range = _counting.range
    histogram = _counting.histogram
    nearest = _counting.nearest
    sample = _drawing.sample
    mutate = _drawing.mutate
    cross = _drawing.cross

    @property
    def name(self) -> str:
        """What the text calls it."""
        return self.checked.name

    @cached_property
    def _lowered(self) -> tuple[Lowered, Measures]:
        return priced(lower(self.checked), self.costs)

    @property
    def lowered(self) -> Lowered:
        """The space with its plan and its chain of costs."""
        return self._lowered[0]

    @property
    def measured(self) -> Measures:
        """The tables of further costs."""
        return self._lowered[1]

    @property
    def measures(self) -> tuple[str, ...]:
        """What its networks cost, by name: `flops`, `params`, and those of tables."""
        return self.lowered.chain.costs

    def with_costs(self, *tables: str | os.PathLike[str]) -> Space:
        """The space with the measures of some tables, as `spacelang measure` writes them. Raises `Failure` for a
        table that cannot be used."""
        space = evolve(self, costs=(*self.costs, *map(Path, tables)))
        _ = space.lowered  # what is wrong with a table is said here
        return space

    def bracket(self, windows: Bounds) -> Bracket:
        """How many networks are inside windows, from the user's cache where it was asked before."""
        from spacelang.lower.disk_cache import cached_bracket

        return cached_bracket(self.lowered.chain, windows)

    @property
    def smallest(self) -> Architecture:
        """The network with the fewest MACs; of several, the one with the fewest parameters."""
        return Architecture(self.lowered.smallest)

    @property
    def largest(self) -> Architecture:
        """The network with the most MACs; of several, the one with the most parameters."""
        return Architecture(self.lowered.largest)

    def cost(self, architecture: ArchitectureLike) -> dict[str, int | float]:
        """What a network of the space costs, by measure. Raises `Failure` for one that is not of the space."""
        return self.costs_of(self.genotype(architecture))

    def costs_of(self, genotype: Genotype) -> dict[str, int | float]:
        """What a genotype of the chain costs, by measure, in the units of the tables."""
        from spacelang.lower.chain import cost

        chain = self.lowered.chain
        spent = dict(zip(chain.measures, cost(chain, genotype), strict=True))
        return {measure: self.measured.plain(measure, spent[measure]) for measure in chain.costs}

    def extent(self, measure: str) -> Window:
        """The least and the most of a cost, as the chain counts it; found without numpy, slow to import."""
        return self.lowered.range(measure)

    @worded
    def contains(
        self,
        other: ArchitectureLike | Space,
        *,
        flops: Amount | None = None,
        params: Amount | None = None,
        latency: Amount | None = None,
        bounds: Further | None = None,
    ) -> bool:
        """Whether a network is one of the space, inside bounds if given; or whether all networks of another space
        are, which is proven without looking at any."""
        from spacelang.lower.chain import inside

        windows = self.windows(flops, params, latency, bounds)
        if isinstance(other, Space):
            from spacelang.lower.subset import new

            if windows:
                raise TypeError("bounds are asked of a network, not of a space")
            wide, narrow = self.lowered, other.lowered
            return not new((other.checked.frame, narrow.legal), (self.checked.frame, wide.legal))
        try:
            genotype = self.genotype(other)
        except Failure:
            return False
        return inside(self.lowered.chain, genotype, windows)

    def __contains__(self, other: ArchitectureLike | Space) -> bool:
        return self.contains(other)

    def diff(self, after: Space) -> Difference:
        """What changed from this space to another, as a value: options, settings, rules, recipes, size, costs."""
        from spacelang.diff import diff

        return diff(self.checked, after.checked)

    def to_json(self) -> str:
        """The space as a line of canonical JSON: exact, versioned, the same bytes on every machine."""
        from spacelang import interchange

        return interchange.to_json(self.checked)

    def to_configspace(self) -> str:
        """The space in ConfigSpace's JSON, without the bounds of its recipe, of which ConfigSpace knows nothing.

        Raises `Failure` for a space that cannot be said in ConfigSpace's terms.
        """
        import json

        from spacelang.configspace import NotExpressible, to_configspace

        try:
            return json.dumps(to_configspace(self.lowered), indent=1) + "\n"
        except NotExpressible as reason:
            raise Failure(
                f"{self.name} cannot be said in ConfigSpace's terms: {reason}",
                "write its own JSON: no --configspace",
            ) from None

    @property
    def digest(self) -> str:
        """SHA-256 of the space's JSON, in hexadecimal."""
        from spacelang import interchange

        return interchange.digest(self.checked)

    @classmethod
    def from_json(cls, text: str) -> Space:
        """The space that a JSON text describes. Raises `Failure` with the reason where it describes none, or one
        that as a text would be refused: whose rules divide by zero, or leave no network."""
        from spacelang import interchange
        from spacelang.check.feasible import built
        from spacelang.evaluation import UndefinedValue
        from spacelang.lower.cells import Legal
        from spacelang.lower.form import NotLinear
        from spacelang.source import Span

        try:
            space = interchange.from_json(text)
            left = built(space, dict.fromkeys(range(1, len(space.stages) + 1), Span(0, 1)))
        except (interchange.NotASpace, NotLinear, UndefinedValue) as reason:
            raise Failure(f"this JSON is no space: {reason}", "write it with `space.to_json()`") from None
        if not isinstance(left, Legal):
            wrong = left[0]
            said = ", ".join((wrong.message, *wrong.notes[:1]))
            raise Failure(f"this JSON is no space: {said}", wrong.help or "")
        return cls(space)

    def table(self) -> list[list[str]]:
        """The space as the paper shows it: a heading, then a row for each dimension, a column for each stage."""
        from spacelang.table import rows

        return rows(self.checked, self.lowered.legal)

    def records(self) -> list[dict[str, str]]:
        """The table as rows by heading, for a data frame."""
        (_, *stages), *body = self.table()
        return [dict(zip(("dimension", *stages), row, strict=True)) for row in body]

    def windows(
        self, flops: Amount | None, params: Amount | None, latency: Amount | None, bounds: Further | None
    ) -> Bounds:
        """Bounds as windows on the measures of the chain."""
        named = {"flops": flops, "params": params, "latency": latency}
        if bounds is None and not any(value is not None for value in named.values()):
            return {}
        chain = self.lowered.chain
        return windows(self.measured.bounds(chain, named, bounds), chain)

    def genotype(self, architecture: ArchitectureLike) -> Genotype:
        """Where a network lies in the chain. Raises `Failure` that says what keeps it out."""
        found = known(architecture)
        try:
            return self.lowered.genotype(found.network)
        except ValueError as reason:
            raise Failure(f"{self.name} does not hold {found.line}: {reason}") from None

    def known_measure(self, measure: str) -> str:
        """The measure, where the space has it. Raises `Failure` that names those it has."""
        measure = known_as(measure, self.lowered.chain.measures)
        if measure not in self.lowered.chain.measures:
            known = ", ".join(self.lowered.chain.measures)
            raise Failure(f"{measure} is no measure of the space", f"one of {known}")
        return measure

    def __repr__(self) -> str:
        return f"<Space {self.name}: {len(self.checked.stages)} stages>"

    def _repr_html_(self) -> str:
        from spacelang.amount import short, spaced
        from spacelang.html import table, titled, written

        macs, params = (self.extent(measure) for measure in ("flops", "params"))
        said = (
            f"{spaced(self.count())} networks",
            f"{short(macs.lo)} to {short(macs.hi)} MACs",
            f"{short(params.lo)} to {short(params.hi)} params",
        )
        heading, *body = self.table()
        return written(titled(self.name, *said), table(heading, body))
