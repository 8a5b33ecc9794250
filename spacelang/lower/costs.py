"""A further cost of a space, measured block by block: latency, energy, memory.

A table is a JSON file:

    {"measure": "latency", "unit": "ms",
     "entries": {"stem/96": 0.12, "1/96:h3q96m4w7": 0.031, "merge/2/96:192": 0.02, "head/768": 0.01}}

`stem/C`: the patch embedding, with what is joined and added to the patches, C channels wide. `S/C:genes`: one
layer of stage S (from 1) C channels wide, its genes as the notation of an architecture writes them.
`merge/S/C:D`: the merging layer that leads to stage S, from C channels to D. `head/C`: the head over C
channels. The cost of a network is the sum over its blocks. Entries of other spaces may stand beside these.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from math import lcm
from typing import Any

from attrs import frozen

from spacelang.architecture import Layer
from spacelang.language.measures import DECIMALS, EXACT
from spacelang.lower.cells import Legal
from spacelang.notation import write_layer
from spacelang.outside import NotJson, parse

_MOST = 2**50  # of one entry in its unit: sums over a network stay far below 2^63


class NotATable(ValueError):
    """A table that cannot be read, or that lacks entries; the message says which."""


@frozen
class CostTable:
    """What each block costs: `entries[key]` in whole units of 1 / `scale` of the unit `unit`."""

    measure: str
    unit: str
    scale: int
    entries: Mapping[str, int]

    def of(self, keys: Iterable[str]) -> dict[str, int]:
        """The entries of some keys. Raises `NotATable` that names the first that are missing."""
        asked = list(dict.fromkeys(keys))
        missing = [key for key in asked if key not in self.entries]
        if missing:
            first = ", ".join(f"`{key}`" for key in missing[:3]) + (", …" if len(missing) > 3 else "")
            raise NotATable(f"{self.measure} lacks {len(missing)} of {len(asked)} entries of the space: {first}")
        return {key: self.entries[key] for key in asked}


def stem_key(embed: int) -> str:
    """The key of a patch embedding."""
    return f"stem/{embed}"


def layer_key(stage: int, embed: int, layer: Layer) -> str:
    """The key of a layer of a stage (from 1)."""
    return f"{stage}/{embed}:{write_layer(layer)}"


def merge_key(stage: int, embed: int, out: int) -> str:
    """The key of the merging layer that leads to a stage (from 2)."""
    return f"merge/{stage}/{embed}:{out}"


def head_key(embed: int) -> str:
    """The key of a head."""
    return f"head/{embed}"


def blocks(legal: Legal) -> tuple[str, ...]:
    """The keys of all blocks that networks of a space are made of: what a table of it has to hold."""
    keys: dict[str, None] = {}
    last = len(legal.stages)
    for number, cells in enumerate(legal.stages, 1):
        for cell in cells:
            ends = [stem_key(cell.embed)] * (number == 1) + [head_key(cell.embed)] * (number == last)
            layers = [layer_key(number, cell.embed, layer) for layer in cell.options]
            keys |= dict.fromkeys([*ends, *layers])
        if number > 1:
            before = legal.stages[number - 2]
            links = sorted(legal.links[number - 2])
            keys |= dict.fromkeys(merge_key(number, before[i].embed, cells[j].embed) for i, j in links)
    return tuple(keys)


def read(text: str) -> CostTable:
    """The table of a JSON text. Raises `NotATable`."""
    try:
        record = parse(text, decimals=True)
    except NotJson as reason:
        raise NotATable(str(reason)) from None
    if not isinstance(record, dict) or not isinstance(record.get("entries"), dict):
        raise NotATable('it is not of the form {"measure": "latency", "unit": "ms", "entries": {…}}')
    measure, unit = record.get("measure"), record.get("unit", "")
    if not isinstance(measure, str) or not re.fullmatch(r"[a-z][a-z0-9_]*", measure) or measure in EXACT:
        raise NotATable("`measure` is a name of its own in small letters, such as latency")
    if not isinstance(unit, str):
        raise NotATable("`unit` is a text, such as ms")
    exact = {key: _exact(key, value) for key, value in record["entries"].items()}
    scale = lcm(*(value.denominator for value in exact.values()))
    entries = {key: int(value * scale) for key, value in exact.items()}
    for key, entry in entries.items():
        if entry > _MOST:
            raise NotATable(f"`{key}` is too large: choose a larger unit, or fewer decimals")
    return CostTable(measure, unit, scale, entries)


def _exact(key: str, value: Any) -> Fraction:
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or value < 0:
        raise NotATable(f"`{key}` is not a number from 0")
    if value > _MOST:
        raise NotATable(f"`{key}` is too large: choose a larger unit")
    if value and Decimal(value).adjusted() < -20:  # before it becomes a fraction of that size
        raise NotATable(f"`{key}` is too small: choose a smaller unit")
    exact = Fraction(value)
    if 10**DECIMALS % exact.denominator:
        raise NotATable(f"`{key}` has more than {DECIMALS} decimals: round it")
    return exact
