"""How many networks of a space take an option.

A layer takes any option of its cell whatever the others take, so a stage of n layers in a cell of k options is one
of kⁿ. Those with some layer that takes an option are all but those in which no layer does.
"""

from __future__ import annotations

from collections.abc import Callable

from spacelang.language.dimensions import STAGE_DIMENSIONS
from spacelang.lower import overlap
from spacelang.lower.cells import Legal, LegalCell
from spacelang.lower.restrict import restrict
from spacelang.space import Option


def networks(legal: Legal) -> int:
    """How many networks the space holds."""
    if legal.totals:
        return overlap.networks(legal)
    return _count(legal, lambda _, cell: int(len(cell.options) ** cell.depth))


def using(legal: Legal, stage: int, dimension: str, option: Option) -> int:
    """How many networks take this option of a dimension in stage `stage` (from 1): in some layer of it, where it is
    a dimension of layers. A window is that of the map where it is larger."""
    if legal.totals:
        return networks(legal) - overlap.networks(_without(legal, stage, dimension, option))
    if dimension in STAGE_DIMENSIONS:

        def with_it(at: int, cell: LegalCell) -> int:
            takes = at != stage or getattr(cell, dimension) == option
            return int(len(cell.options) ** cell.depth) if takes else 0

        return _count(legal, with_it)

    def without_it(at: int, cell: LegalCell) -> int:
        others = sum(getattr(layer, dimension) != option for layer in cell.options)
        return int((others if at == stage else len(cell.options)) ** cell.depth)

    return networks(legal) - _count(legal, without_it)


def _without(legal: Legal, stage: int, dimension: str, option: Option) -> Legal:
    """The networks that take an option nowhere in a stage."""

    def kept(at: int, cell: LegalCell) -> tuple[int, ...]:
        own = getattr(cell, dimension) if dimension in STAGE_DIMENSIONS else None
        values = [own if own is not None else getattr(layer, dimension) for layer in cell.options]
        return tuple(number for number, value in enumerate(values) if at != stage or value != option)

    options = [[kept(number, cell) for cell in cells] for number, cells in enumerate(legal.stages, 1)]
    some = [{i for i, left in enumerate(row) if left} for row in options]
    links = [{(i, j) for i, j in pairs if i in some[t] and j in some[t + 1]} for t, pairs in enumerate(legal.links)]
    return restrict(legal, options, links)


def _count(legal: Legal, size: Callable[[int, LegalCell], int]) -> int:
    """The networks of a space where `size` says how many stages a cell of a stage (from 1) stands for."""
    ways = [size(1, cell) for cell in legal.stages[0]]
    for number, (cells, links) in enumerate(zip(legal.stages[1:], legal.links, strict=True), 2):
        before = [0] * len(cells)
        for i, j in links:
            before[j] += ways[i]
        ways = [sum_ * size(number, cell) for sum_, cell in zip(before, cells, strict=True)]
    return sum(ways)
