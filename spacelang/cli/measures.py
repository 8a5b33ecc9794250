"""The measures of a space on the command line: cost tables read, bounds on measures, their values shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import partial
from math import ceil, floor
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import typer
from attrs import frozen

from spacelang.amount import UNITS, NotAnAmount, quantity, short, spaced, window
from spacelang.check.bounds import joined
from spacelang.cli.terminal import fail
from spacelang.expression import decimal, exact
from spacelang.lower.chain import Bounds, Chain
from spacelang.recipe import TIMES, Bound

if TYPE_CHECKING:
    from spacelang.lower.costs import CostTable
    from spacelang.lower.lowered import Lowered

LABELS = {"flops": "MACs"}
_REMEDY = "write it anew: spacelang measure SPACE.space -o TABLE.json; its form is told in docs/arithmetic.md"


@frozen
class Measures:
    """The tables given with `--cost`, by measure."""

    tables: Mapping[str, CostTable]

    def short(self, measure: str, value: int) -> str:
        """A value of a measure in few digits."""
        return self.spaced(measure, value) if measure in self.tables else short(value)

    def spaced(self, measure: str, value: int) -> str:
        """A value of a measure to the last digit, with its unit."""
        if measure not in self.tables:
            return spaced(value)
        table = self.tables[measure]
        return f"{decimal(exact(Fraction(value, table.scale)))} {table.unit}".strip()

    def plain(self, measure: str, value: int) -> int | float:
        """A value of a measure as JSON has it."""
        return float(Fraction(value, self.tables[measure].scale)) if measure in self.tables else value

    def within(self, bound: Bound) -> str:
        """A bound in words, as it was read: `latency of at most 5 ms`."""
        return f"{bound.measure} of {bound.ends(partial(self.spaced, bound.measure))}"

    def bounds(
        self, chain: Chain, named: Mapping[str, str | None], others: Sequence[str] = ()
    ) -> tuple[Bound, ...]:
        """The bounds of `--flops`, `--params` and `--latency` (by name; None: not given) and of `--bound`.

        All that is said of one measure holds together. What is no bound on a measure of the chain ends the command.
        """
        asked = [(measure, text, f"--{measure}") for measure, text in named.items() if text is not None]
        for text in others:
            measure, _, values = text.partition("=")
            if not measure.strip() or not values.strip():
                raise typer.BadParameter(
                    f"{text!r} is no bound: write NAME=WINDOW, such as energy=2..2.5", param_hint="--bound"
                )
            asked.append((measure.strip(), values, "--bound"))
        return joined(self._bound(chain, *one) for one in asked)

    def _bound(self, chain: Chain, measure: str, text: str, hint: str) -> Bound:
        if measure not in chain.measures:
            known = ", ".join(chain.measures)
            raise typer.BadParameter(
                f"{measure!r} is no measure here ({known}): name a table of it with --cost", param_hint=hint
            )
        table = self.tables.get(measure)
        scale = table.scale if table else 1
        try:
            low, high = window(text, partial(quantity, unit=table.unit)) if table else window(text)
        except NotAnAmount as reason:
            raise typer.BadParameter(str(reason), param_hint=hint) from None
        return Bound(
            measure, None if low is None else ceil(low * scale), None if high is None else floor(high * scale)
        )

    def tabled(self, bounds: Sequence[Bound]) -> tuple[Bound, ...]:
        """A recipe's bounds as the chain counts: times, which it states in nanoseconds, in their tables' units.

        Bounds on what no table was given of are left as they are.
        """
        return tuple(self._tabled(bound) if bound.measure in TIMES else bound for bound in bounds)

    def _tabled(self, bound: Bound) -> Bound:
        table = self.tables.get(bound.measure)
        if table is None:
            return bound
        if table.unit not in UNITS:
            fail(
                f"the table of {bound.measure} is in {table.unit or 'no unit'}, and the recipe bounds a time",
                f"measure in {', '.join(UNITS)}; or bound what the table has, by --{bound.measure}",
            )
        factor = Fraction(table.scale, UNITS[table.unit])
        low = None if bound.low is None else ceil(bound.low * factor)
        return Bound(bound.measure, low, None if bound.high is None else floor(bound.high * factor))


def priced(lowered: Lowered, paths: Sequence[Path]) -> tuple[Lowered, Measures]:
    """A space with the measures of some cost tables; a table that cannot be used ends the command."""
    if not paths:
        return lowered, Measures({})
    from spacelang.lower.costs import NotATable, read
    from spacelang.lower.price import with_table

    tables = {}
    for path in paths:
        try:
            table = read(path.read_text(encoding="utf-8"))
            lowered = attrs.evolve(lowered, chain=with_table(lowered.chain, lowered.legal, table))
        except UnicodeDecodeError:
            fail(f"{path} is not UTF-8 text", _REMEDY)
        except NotATable as reason:
            fail(f"{path}: {reason}", _REMEDY)
        tables[table.measure] = table
    return lowered, Measures(tables)


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
