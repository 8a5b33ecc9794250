"""How little and how much the stages on either side of a joint can cost: what prunes every table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from operator import add

from attrs import frozen

from spacelang.lower.chain import Joint
from spacelang.lower.terms import KEPT, Axes, PatternCell, Terms

CostSpan = tuple[tuple[int, ...], tuple[int, ...]]  # least and most, one entry per axis
Reach = dict[int, CostSpan]  # by class of a joint; a class that nothing reaches is missing


@frozen
class Reaches:
    """Spans of cost on both sides of every joint.

    `left[t]`: of stages 0..t, by their class at joint t; `right[t]`: of stages t + 1.., by theirs.
    `whole` is the span of the whole chain, None if no sequence of cells is allowed.
    """

    left: tuple[Reach, ...]
    right: tuple[Reach, ...]
    whole: CostSpan | None

    def along(self, kept: Sequence[int]) -> Reaches:
        """The same along some of the axes, by their positions."""

        def span(one: CostSpan) -> CostSpan:
            return tuple(one[0][at] for at in kept), tuple(one[1][at] for at in kept)

        left, right = (
            tuple({label: span(one) for label, one in reach.items()} for reach in side)
            for side in (self.left, self.right)
        )
        return Reaches(left, right, None if self.whole is None else span(self.whole))

    def beyond_left(self, joint: Joint, t: int, axes: Axes) -> Reach:
        """What joint t and the stages after it add, by the class of stage t."""
        return _across(joint, self.right[t], axes, self.left[t], flipped=True)

    def beyond_right(self, joint: Joint, t: int, axes: Axes) -> Reach:
        """What joint t and the stages up to t add, by the class of stage t + 1."""
        return _across(joint, self.left[t], axes, self.right[t], flipped=False)


def reaches(known: Terms, stages: Sequence[tuple[PatternCell, ...]], axes: Axes) -> Reaches:
    """The spans of cost on both sides of every joint, for the cells that a pattern leaves."""
    spans = [_spans(known, cells, axes) for cells in stages]
    joints = known.chain.joints
    left: list[Reach] = []
    incoming: Reach | None = None
    for t, cells in enumerate(stages):
        after = joints[t].left if t < len(joints) else None
        before = joints[t - 1].right if t else None
        reach = _through(cells, spans[t], before, incoming, after)
        if t < len(joints):
            left.append(reach)
            wanted = {joints[t].right[cell.cell] for cell in stages[t + 1]}
            incoming = _across(joints[t], reach, axes, wanted, flipped=False)
    whole = reach.get(0)
    right: list[Reach] = []
    incoming = None
    for t in range(len(stages) - 1, 0, -1):
        after = joints[t].left if t < len(joints) else None
        reach = _through(stages[t], spans[t], after, incoming, joints[t - 1].right)
        right.insert(0, reach)
        wanted = {joints[t - 1].left[cell.cell] for cell in stages[t - 1]}
        incoming = _across(joints[t - 1], reach, axes, wanted, flipped=True)
    return Reaches(tuple(left), tuple(right), whole)


@lru_cache(maxsize=KEPT)
def _spans(known: Terms, cells: tuple[PatternCell, ...], axes: Axes) -> tuple[CostSpan, ...]:
    return tuple(span(known, cell, axes) for cell in cells)


def span(known: Terms, cell: PatternCell, axes: Axes) -> CostSpan:
    """The least and the most that a cell costs with its layers."""
    least, most = known.ends[cell.options]
    chosen = [[known.lists[cell.options][option].cost for option in choice.options] for choice in cell.choices]
    return (
        tuple(cell.base[a] + cell.free * least[a] + sum(min(c[a] for c in some) for some in chosen) for a in axes),
        tuple(cell.base[a] + cell.free * most[a] + sum(max(c[a] for c in some) for some in chosen) for a in axes),
    )


def _through(
    cells: tuple[PatternCell, ...],
    spans: tuple[CostSpan, ...],
    entry: tuple[int, ...] | None,
    incoming: Reach | None,
    leaving: tuple[int, ...] | None,
) -> Reach:
    """Through one stage: from spans by the class on one side to spans by the class on the other."""
    reach: Reach = {}
    for cell, span in zip(cells, spans, strict=True):
        if entry is not None:
            assert incoming is not None
            met = incoming.get(entry[cell.cell])
            if met is None:
                continue
            span = _plus(met, span)
        label = 0 if leaving is None else leaving[cell.cell]
        reach[label] = _hull(reach[label], span) if label in reach else span
    return reach


def _across(joint: Joint, reach: Reach, axes: Axes, wanted: Iterable[int], *, flipped: bool) -> Reach:
    """Across a joint: what lies on one side, seen from each wanted class of the other side."""
    spans: Reach = {}
    for label in sorted(wanted):
        for other, span in reach.items():
            link = joint.table[label][other] if flipped else joint.table[other][label]
            if link is None:
                continue
            added = tuple(link.cost[a] for a in axes)
            moved = _plus((added, added), span)
            spans[label] = _hull(spans[label], moved) if label in spans else moved
    return spans


def _plus(one: CostSpan, other: CostSpan) -> CostSpan:
    return tuple(map(add, one[0], other[0])), tuple(map(add, one[1], other[1]))


def _hull(one: CostSpan, other: CostSpan) -> CostSpan:
    return tuple(map(min, one[0], other[0])), tuple(map(max, one[1], other[1]))
