"""The measures of a space: cost tables read, bounds on measures, their values shown."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import partial
from math import ceil, floor
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
from attrs import frozen

from spacelang.amount import UNITS, NotAnAmount, quantity, short, spaced, window
from spacelang.api.error import NotABound
from spacelang.check.bounds import joined
from spacelang.diagnostics import listed
from spacelang.expression import Number, decimal, exact
from spacelang.language.meant import meant
from spacelang.language.measures import EXACT, KNOWN, MEASURES, TIMES
from spacelang.lower.bounds import measured
from spacelang.lower.chain import Bounds, Chain
from spacelang.recipe import Bound
from spacelang_runtime.failure import Failure

if TYPE_CHECKING:
    from spacelang.lower.costs import CostTable
    from spacelang.lower.lowered import Lowered

PlainNumber = str | int | float | Fraction
Amount = (
    PlainNumber | tuple[PlainNumber | None, PlainNumber | None]
)  # `"4G..4.5G"`, `4.5e9` (at most) or `(4e9, 4.5e9)`
Further = Mapping[str, Amount] | Sequence[str]  # `{"energy": "2..2.5"}`, `["energy=2..2.5"]`, or the text alone

LABELS = {measure.name: measure.label for measure in MEASURES if measure.label}
_ALSO = {measure.label.lower(): measure.name for measure in MEASURES if measure.label}  # what people write
_FORM = "told in docs/arithmetic.md"
_REMEDY = f"write it anew: spacelang measure SPACE.space -o TABLE.json; its form is {_FORM}"


@frozen
class Measures:
    """The tables of further costs, by measure; what totals are counted in, units of 1 / scale; and the units of the
    measures that the space declares."""

    tables: Mapping[str, CostTable] = attrs.field(factory=dict)
    scales: Mapping[str, int] = attrs.field(factory=dict)
    declared: Mapping[str, str] = attrs.field(factory=dict)

    def short(self, measure: str, value: Number) -> str:
        """A value of a measure in few digits."""
        return self.spaced(measure, value) if measure in self.tables else short(self.of(measure, value))

    def spaced(self, measure: str, value: Number) -> str:
        """A value of a measure to the last digit, with its unit."""
        shown = self.of(measure, value)
        if measure not in self.tables:
            return spaced(shown)
        return f"{decimal(shown)} {self.tables[measure].unit}".strip()

    def plain(self, measure: str, value: int) -> int | float:
        """A value of a measure as JSON has it."""
        shown = self.of(measure, value)
        return float(shown) if measure in self.tables or not isinstance(shown, int) else shown

    def said(self, measure: str, value: int | float) -> str:
        """A value as `plain` gives it, in few digits."""
        return self.short(measure, round(value * self.scale(measure)))

    def of(self, measure: str, value: Number) -> Number:
        """What a chain counts in whole numbers, in the unit of its table; a total as it is."""
        return exact(Fraction(value) / self.scale(measure))

    def scale(self, measure: str) -> int:
        """How many of a chain's units one of a measure is."""
        return self.tables[measure].scale if measure in self.tables else self.scales.get(measure, 1)

    def within(self, bound: Bound) -> str:
        """A bound in words, as it was read: `latency of at most 5 ms`."""
        shown = partial(self.spaced, bound.measure) if bound.measure in self.tables else spaced
        return f"{bound.measure} of {bound.ends(shown)}"

    def bounds(
        self, chain: Chain, named: Mapping[str, Amount | None], others: Further | None = None
    ) -> tuple[Bound, ...]:
        """The bounds on measures given by name (None: not given), and further ones.

        All that is said of one measure holds together. Raises `NotABound` for what bounds no measure of the chain.
        """
        asked = [(measure, value, measure) for measure, value in named.items() if value is not None]
        return joined(self._bound(chain, *one) for one in [*asked, *_further(others or ())])

    def _bound(self, chain: Chain, measure: str, value: Amount, asked: str) -> Bound:
        measure = known_as(measure, chain.measures)
        if not measured(chain, measure):
            raise self._unknown(chain, measure, asked)
        table = self.tables.get(measure)
        unit = table.unit if table else "" if measure not in chain.costs else None
        try:
            text = value if isinstance(value, str) else _said(value)
            low, high = window(text) if unit is None else window(text, partial(quantity, unit=unit))
        except NotAnAmount as reason:
            raise NotABound(asked, str(reason)) from None
        if table is None:
            if isinstance(value, str) and measure in EXACT:
                _require_suffix(measure, value, (low, high), asked)
            return Bound(measure, None if low is None else exact(low), None if high is None else exact(high))
        ends = None if low is None else ceil(low * table.scale), None if high is None else floor(high * table.scale)
        return Bound(measure, *ends)

    def _unknown(self, chain: Chain, measure: str, asked: str) -> NotABound:
        """What to say of a bound on something that the chain does not have."""
        if measure in self.declared:
            own = f", in {self.declared[measure]}" if self.declared[measure] else ""
            return NotABound(asked, f"no table says what networks have of {measure}{own}", untabled=True)
        known = (*chain.measures, *self.declared)
        ours = meant(measure, known)
        said = f"did you mean {ours}?" if ours else ", ".join(known)
        return NotABound(asked, f"{measure!r} is no measure here ({said})", untabled=ours is None)

    def wanting(self, bound: Bound) -> tuple[str, str]:
        """Of a recipe's bound on what no table was given of: what is missing, and how the table is had."""
        table = f"{bound.measure}.json"
        if bound.measure not in self.declared:
            return f"{bound}, and no table says what networks take", f"spacelang measure SPACE.space -o {table}"
        own = f", in {self.declared[bound.measure]}" if self.declared[bound.measure] else ""
        return f"{self.stated(bound)}, and no table says what networks have", f"write {table}{own}, as {_FORM}"

    def stated(self, bound: Bound) -> str:
        """A bound as a recipe states it, with the unit of a declared measure."""
        return f"{bound} {self.declared.get(bound.measure, '')}".strip()

    def tabled(self, bounds: Sequence[Bound]) -> tuple[Bound, ...]:
        """A recipe's bounds as the chain counts, in the units of tables: times, which it states in nanoseconds, and
        declared measures, which it states in their own.

        Bounds on what no table was given of are left as they are. Raises `Failure` for a table in no unit of time.
        """
        return tuple(self._tabled(bound) if bound.of_a_table else bound for bound in bounds)

    def _tabled(self, bound: Bound) -> Bound:
        table = self.tables.get(bound.measure)
        if table is None:
            return bound
        if bound.measure not in TIMES:
            factor = Fraction(table.scale) * _times(self.declared.get(bound.measure, table.unit), table.unit)
            low = None if bound.low is None else ceil(bound.low * factor)
            return Bound(bound.measure, low, None if bound.high is None else floor(bound.high * factor))
        if table.unit not in UNITS:
            raise Failure(
                f"the table of {bound.measure} is in {table.unit or 'no unit'}, and the recipe bounds a time",
                f"measure in {', '.join(UNITS)}; or bound what the table has, by --{bound.measure}",
            )
        factor = Fraction(table.scale, UNITS[table.unit])
        low = None if bound.low is None else ceil(bound.low * factor)
        return Bound(bound.measure, low, None if bound.high is None else floor(bound.high * factor))


def _require_suffix(measure: str, text: str, ends: tuple[Fraction | None, Fraction | None], asked: str) -> None:
    """Refuse a bound in figures that are too few for any network: their suffix is missing. 0 is no slip."""
    known = KNOWN[measure]
    if all(end is None or 0 < end < known.least for end in ends):
        parts = [end.strip() for end in text.split("..")]
        with_one = ["..".join(part and part + suffix for part in parts) for suffix in known.suffixes]
        raise NotABound(asked, f"no network has {measure} of {text}: the unit is missing, {listed(with_one, 'or')}")


def known_as(measure: str, known: Collection[str]) -> str:
    """The measure that a word is for: itself where it is known, else what people call so, in capitals or not."""
    return measure if measure in known else _ALSO.get(measure.lower(), measure)


def _times(unit: str, other: str) -> Fraction:
    """How many of another unit one is; raises KeyError for two that measure different things."""
    return Fraction(1) if unit == other else Fraction(UNITS[unit], UNITS[other])


def _further(others: Further) -> Iterator[tuple[str, Amount, str]]:
    if isinstance(others, Mapping):
        yield from ((measure, value, measure) for measure, value in others.items())
        return
    for text in (others,) if isinstance(others, str) else others:
        measure, _, values = text.rpartition("=")  # `count(window == 14)` has others
        if not measure.strip() or not values.strip():
            raise NotABound("bound", f"{text!r} is no bound: write NAME=WINDOW, such as energy=2..2.5")
        if (sign := measure.strip()[-1]) in "<>=":  # as a recipe has it, where bounds are comparisons
            name, ends = measure.strip()[:-1].strip(), values.strip()
            stated = {"<": f"..{ends}", ">": f"{ends}..", "=": f"{ends}..{ends}"}[sign]
            raise NotABound("bound", f"{text!r} is no bound here: write {name}={stated}")
        yield measure.strip(), values, "bound"


def _said(value: int | float | Fraction | tuple[PlainNumber | None, PlainNumber | None]) -> str:
    """A bound given in numbers, as it would be written."""
    if isinstance(value, tuple):
        if len(value) != 2:
            raise NotAnAmount(f"{value!r} is not a pair of ends such as (4e9, 4.5e9)")
        low, high = ("" if end is None else _said_end(end) for end in value)
        return f"{low}..{high}"
    return _said_end(value)


def _said_end(end: PlainNumber) -> str:
    if isinstance(end, str):
        return end
    try:
        return decimal(exact(Fraction(str(end)) if isinstance(end, float) else Fraction(end)))
    except (TypeError, ValueError, OverflowError):
        raise NotAnAmount(f"{end!r} is not an amount such as 4.5e9 or '4.5G'") from None


def priced(lowered: Lowered, paths: Sequence[Path]) -> tuple[Lowered, Measures]:
    """A space with the measures of some cost tables. Raises `Failure` for a table that cannot be used."""
    scales = {limit.measure: limit.scale for limit in lowered.chain.limits}
    declared = {measure.name: measure.unit for measure in lowered.space.measures}
    if not paths:
        return lowered, Measures(scales=scales, declared=declared)
    from spacelang.lower.costs import NotATable, read
    from spacelang.lower.price import with_table

    tables = {}
    for path in paths:
        try:
            table = read(path.read_text(encoding="utf-8"))
            lowered = attrs.evolve(lowered, chain=with_table(lowered.chain, lowered.legal, table))
        except FileNotFoundError:
            raise Failure(f"there is no file {path}", "look for a slip in its name") from None
        except IsADirectoryError:
            raise Failure(f"{path} is a folder", "name a file") from None
        except UnicodeDecodeError:
            raise Failure(f"{path} is not UTF-8 text", _REMEDY) from None
        except NotATable as reason:
            raise Failure(f"{path}: {reason}", _REMEDY) from None
        unit = declared.get(table.measure, table.unit)
        if unit != table.unit and not {unit, table.unit} <= UNITS.keys():
            raise Failure(
                f"{path}: {table.measure} is in {table.unit or 'no unit'}, and the space declares it in "
                f"{unit or 'none'}",
                f"write the table in {unit or 'no unit'}, or declare what it has: "
                f"{f'measure {table.measure} {table.unit}'.strip()}",
            )
        tables[table.measure] = table
    return lowered, Measures(tables, scales, declared)


def none_inside(space: str, chain: Chain, bounds: Bounds, measures: Measures) -> Failure:
    """That no network of a space is inside bounds, with the values next to them that some have."""
    return Failure(f"no network of {space} is inside the bounds", nearest_known(chain, bounds, measures))


def nearest_known(chain: Chain, bounds: Bounds, measures: Measures) -> str:
    """The feasible values next to windows that hold nothing, in words."""
    from spacelang.lower.bounds import nearest
    from spacelang.lower.too_large import TooLarge

    known = []
    for measure in bounds:
        try:
            near = nearest(chain, measure, bounds)
        except TooLarge:
            continue
        also = " under the other bounds" if len(bounds) > 1 else ""
        values = [measures.spaced(measure, value) for value in (near.below, near.above) if value is not None]
        if values:
            known.append(f"the nearest {LABELS.get(measure, measure)}{also}: {' and '.join(values)}")
    return "; ".join(known) or "loosen one of the bounds"
