"""The sums of a run of neighbouring stages: every cost it can have, in how many ways, and how it arose.

A half grows stage by stage from one end of the chain towards the joint where it meets the other half. Its
points are grouped by their class at that joint, for that is all that the other half sees of them.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from spacelang.lower.bounded_chain import OwnWindow
from spacelang.lower.reach import Reach
from spacelang.lower.sums import EXACT, MOST, Array, Int, Sums, completions, integers, ways
from spacelang.lower.terms import Axes, PatternCell, Terms
from spacelang.lower.too_large import TooLarge

Index = NDArray[np.int32]

KEPT = 256  # stages of patterns whose points are kept: children of the same parents have many in common
FEW = 1 << 13  # completions of a stage that is kept


@frozen(eq=False)
class StageSums:
    """The points of one stage: cost (axes, n), weight (n,), the cell each belongs to, its entry in `tables`."""

    cost: Int
    weight: Array
    cell: Index  # position in `cells`
    entry: Index
    cells: tuple[PatternCell, ...]
    tables: tuple[Sums, ...]
    total: int  # the exact sum of the weights


def stage_sums(
    known: Terms,
    cells: tuple[PatternCell, ...],
    axes: Axes,
    weight: tuple[int, ...],
    *,
    exact: bool,
    own: tuple[OwnWindow, ...] = (),
) -> StageSums:
    """The points of a stage whose cells weigh `weight` per completion, inside the windows that it keeps by itself.

    Weights are float64 while their total is below 2^53, where they are exact; beyond, they are Python
    integers if `exact`, else float64 to a relative error of 2^-52. What is given is not to be changed: it may be
    given again.
    """
    few = sum(cell.ways for cell in cells) <= FEW
    return (_kept if few else _stage_sums)(known, cells, axes, weight, exact, own)


def _stage_sums(
    known: Terms,
    cells: tuple[PatternCell, ...],
    axes: Axes,
    weight: tuple[int, ...],
    exact: bool,
    own: tuple[OwnWindow, ...],
) -> StageSums:
    vacant = [(cell.options, cell.free, cell.choices) for cell in cells]
    # Cells that differ in what is settled alone share a table.
    every = (*axes, *(kept.axis for kept in own))
    made = {kind: completions(known, cell, every) for kind, cell in dict(zip(vacant, cells, strict=True)).items()}
    tables = tuple(made[kind] for kind in vacant)
    total = sum(one * cell.ways for one, cell in zip(weight, cells, strict=True))
    if total.bit_length() > 1000:  # near the end of float64
        raise TooLarge(f"a stage of some 2^{total.bit_length()} variants is too deep to draw from")
    whole = total >= EXACT and exact
    costs, parts = [], []
    entries = []
    for cell, table, one in zip(cells, tables, weight, strict=True):
        base = np.array([cell.base[axis] for axis in every], np.int64)
        cost = table.cost + base[:, None]
        weights = ways(table) * one if whole else table.weights * float(one)
        inside = np.arange(cost.shape[1], dtype=np.int32)
        if own:
            low, high = (
                np.array(ends, np.int64)[:, None] for ends in ([k.low for k in own], [k.high for k in own])
            )
            cost, limited = cost[: len(axes)], cost[len(axes) :]
            inside = np.nonzero(((limited >= low) & (limited <= high)).all(axis=0))[0].astype(np.int32)
            cost, weights = cost[:, inside], weights[inside]
        costs.append(cost)
        parts.append(weights)
        entries.append(inside)
    sizes = list(map(len, entries))
    return StageSums(
        cost=np.concatenate(costs, axis=1),
        weight=np.concatenate(parts),
        cell=np.repeat(np.arange(len(cells), dtype=np.int32), sizes),
        entry=np.concatenate(entries),
        cells=cells,
        tables=tables,
        total=total,
    )


_kept = lru_cache(maxsize=KEPT)(_stage_sums)


@frozen(eq=False)
class HalfSums:
    """The points of a run of stages.

    cost (axes, n), weight (n,); `outer` and `here` say of which point of the run without its last stage and
    of which point of that stage each consists. `groups[c]` is the slice of class c at the joint ahead.
    """

    cost: Int
    weight: Array
    outer: Index
    here: Index
    groups: tuple[slice, ...]
    total: int
    stage: int
    points: StageSums | None
    previous: HalfSums | None


@frozen(eq=False)
class Extension:
    """One stage that a half grows by.

    `entry` and `leaving` give each cell its class towards the half so far and towards the joint ahead;
    `table[a][b]` is the link's cost between class a of the half and class b of the stage, None if forbidden;
    `beyond` is what all that lies ahead adds, by class ahead.
    """

    stage: int
    points: StageSums
    entry: tuple[int, ...] | None
    leaving: tuple[int, ...] | None
    classes: int
    table: tuple[tuple[tuple[int, ...] | None, ...], ...]
    beyond: Reach


def empty(axes: int) -> HalfSums:
    """The half without stages: one point that costs nothing."""
    none = np.zeros(1, np.int32)
    return HalfSums(np.zeros((axes, 1), np.int64), np.ones(1), none, none, (slice(0, 1),), 1, -1, None, None)


@frozen(eq=False)
class PointBlock:
    """Points `rows` of a half with points `here` of the next stage across one link: rows · here points.

    `start` is the number of its first point, `label` their class at the joint ahead.
    """

    label: int
    rows: slice
    here: NDArray[np.int64]
    link: tuple[int, ...]
    start: int

    @property
    def shape(self) -> tuple[int, int]:
        """How many rows and how many points of the stage."""
        return self.rows.stop - self.rows.start, len(self.here)


def blocks(half: HalfSums, step: Extension) -> tuple[PointBlock, ...]:
    """All that a half and the next stage give together, by class ahead; nothing is computed yet."""
    stage = step.points
    ends = np.searchsorted(stage.cell, np.arange(len(stage.cells) + 1)).tolist()
    spans: dict[tuple[int, int], list[NDArray[np.int64]]] = {}
    for place, first, last in zip(stage.cells, ends, ends[1:], strict=False):
        label = 0 if step.leaving is None else step.leaving[place.cell]
        met = 0 if step.entry is None else step.entry[place.cell]
        if first < last:
            spans.setdefault((label, met), []).append(np.arange(first, last))
    blocks = []
    start = 0
    for label in step.beyond:
        for met in sorted(met for ahead, met in spans if ahead == label):
            several = spans[label, met]
            here = several[0] if len(several) == 1 else np.concatenate(several)
            for own, group in enumerate(half.groups):
                link = step.table[own][met]
                if link is not None and group.start < group.stop:
                    blocks.append(PointBlock(label, group, here, link, start))
                    start += (group.stop - group.start) * len(here)
    return tuple(blocks)


def outer_sum(half: HalfSums, stage: StageSums, block: PointBlock, rows: slice) -> Int:
    """The costs (axes, rows · here) of some rows of a block."""
    added = stage.cost[:, block.here] + np.array(block.link, np.int64)[:, None]
    cost = half.cost[:, rows][:, :, None] + added[:, None, :]
    return cost.reshape(len(added), cost.shape[1] * cost.shape[2])


def grow(half: HalfSums, step: Extension, low: Int, high: Int, *, exact: bool) -> HalfSums:
    """The half with one more stage, less the points that nothing ahead can bring inside [low, high]."""
    stage = step.points
    total = half.total * stage.total
    old, new = half.weight, stage.weight
    if exact and total >= EXACT:
        old, new = integers(old), integers(new)
    pieces = blocks(half, step)
    if (size := sum(rows * here for rows, here in (block.shape for block in pieces))) > MOST:
        raise TooLarge(f"neighbouring stages have some {size:,} pairs of costs: bound fewer measures at once")
    none = np.zeros(0, np.int32)
    costs, weights, outers, heres = [np.zeros((len(low), 0), np.int64)], [old[:0]], [none], [none]
    sizes = [0] * step.classes
    for block in sorted(pieces, key=lambda block: block.label):
        cost = outer_sum(half, stage, block, block.rows)
        least, most = (np.array(ends, np.int64)[:, None] for ends in step.beyond[block.label])
        kept = np.nonzero(((cost + least <= high[:, None]) & (cost + most >= low[:, None])).all(axis=0))[0]
        outer, inner = np.divmod(kept, len(block.here))
        outer += block.rows.start
        inner = block.here[inner]
        costs.append(cost[:, kept])
        weights.append(old[outer] * new[inner])
        outers.append(outer.astype(np.int32))
        heres.append(inner.astype(np.int32))
        sizes[block.label] += len(kept)
    ends = np.cumsum([0, *sizes]).tolist()
    return HalfSums(
        cost=np.concatenate(costs, axis=1),
        weight=np.concatenate(weights),
        outer=np.concatenate(outers),
        here=np.concatenate(heres),
        groups=tuple(slice(start, stop) for start, stop in pairwise(ends)),
        total=total,
        stage=step.stage,
        points=stage,
        previous=half,
    )
