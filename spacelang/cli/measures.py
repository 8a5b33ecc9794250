"""The measures of a space on the command line: cost tables read, windows on measures, their values shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import ceil, floor
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import typer
from attrs import frozen

from spacelang.amount import NotAnAmount, short, spaced, window
from spacelang.cli.terminal import fail
from spacelang.expression import decimal, exact
from spacelang.lower.chain import Bounds, Chain, Window

if TYPE_CHECKING:
    from spacelang.lower.costs import CostTable
    from spacelang.lower.lowered import Lowered

LABELS = {"flops": "MACs"}


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

    def windows(self, chain: Chain, flops: str | None, params: str | None, others: Sequence[str]) -> Bounds:
        """The windows of `--flops`, `--params` and `--bound`."""
        asked = [("flops", flops, "--flops"), ("params", params, "--params")]
        for text in others:
            name, _, values = text.partition("=")
            if name.strip() not in chain.measures:
                known = ", ".join(chain.measures)
                raise typer.BadParameter(f"{name!r} is no measure here: {known}", param_hint="--bound")
            asked.append((name.strip(), values, "--bound"))
        found: dict[str, Window] = {}
        for measure, given, hint in asked:
            if given is None:
                continue
            try:
                low, high = window(given)
            except NotAnAmount as reason:
                raise typer.BadParameter(str(reason), param_hint=hint) from None
            scale = self.tables[measure].scale if measure in self.tables else 1
            own = found.get(measure, Window(0, 2**62))
            found[measure] = Window(
                own.lo if low is None else max(own.lo, ceil(low * scale)),
                own.hi if high is None else min(own.hi, floor(high * scale)),
            )
        return found


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
            lowered = attrs.evolve(lowered, chain=with_table(lowered, table))
        except UnicodeDecodeError:
            fail(f"{path} is not UTF-8 text")
        except NotATable as reason:
            fail(f"{path}: {reason}")
        tables[table.measure] = table
    return lowered, Measures(tables)


def nearest_known(chain: Chain, bounds: Bounds, measures: Measures) -> str:
    """The feasible values next to windows that hold nothing, in words."""
    from spacelang.lower.bounds import nearest

    known = []
    for measure in bounds:
        near = nearest(chain, measure, bounds)
        also = " under the other bounds" if len(bounds) > 1 else ""
        values = [measures.spaced(measure, value) for value in (near.below, near.above) if value is not None]
        if values:
            known.append(f"the nearest {LABELS.get(measure, measure)}{also}: {' and '.join(values)}")
    return "; ".join(known) or "loosen one of the bounds"
