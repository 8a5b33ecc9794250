"""A chain under a pattern and windows: what is left to decide, and which windows can be missed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import frozen

from spacelang.lower.chain import EVERY, Bounds, Chain, Window
from spacelang.lower.pattern import Pattern
from spacelang.lower.reach import Reaches, reaches, span
from spacelang.lower.sums import Int
from spacelang.lower.terms import Axes, PatternCell, Terms, places


@frozen
class OwnWindow:
    """A window on a measure that concerns one stage alone, so that the stage keeps it by itself."""

    axis: int
    low: int
    high: int


@frozen(eq=False)
class BoundedChain:
    """A chain under a pattern and windows: only the windows that can be missed remain.

    own: the windows that each stage keeps by itself, on totals that speak of it alone.
    """

    known: Terms
    stages: tuple[tuple[PatternCell, ...], ...]
    axes: Axes
    low: Int
    high: Int
    reach: Reaches
    own: tuple[tuple[OwnWindow, ...], ...]

    @property
    def free(self) -> bool:
        """Whether no stage has a window of its own."""
        return not any(self.own)


def bounded_chain(
    known: Terms, pattern: Pattern, bounds: Bounds, last: int | None = None, *, every: bool = False
) -> BoundedChain | None:
    """The chain under a pattern and windows; None where already the spans of cost leave nothing inside.

    Measure `last`, if given, keeps its axis even where its window cannot be missed, and that axis is the last; with
    `every`, all bounded measures keep theirs.
    """
    names = known.chain.measures
    asked_for = bounds
    limited = bool(known.chain.limits)
    bounds = _with_limits(known.chain, bounds) if limited else bounds
    if unknown := set(bounds) - set(names):
        raise ValueError(f"the chain has no measure {sorted(unknown)[0]}: it has {', '.join(names)}")
    stages = tuple(places(known, pattern, t) for t in range(len(known.chain.stages)))
    alone = _alone(known.chain) if limited else {}
    own = tuple(
        tuple(
            OwnWindow(axis, bounds[names[axis]].lo, bounds[names[axis]].hi)
            for axis, stage in alone.items()
            if stage == t and axis != last and names[axis] in bounds and _binds(known, stages[t], axis, bounds)
        )
        for t in range(len(stages))
    )
    settled = {axis for axis in alone if axis != last}
    asked = [axis for axis, name in enumerate(names) if name in bounds and axis not in settled]
    asked.sort(key=lambda axis: axis == last)
    reach = reaches(known, stages, tuple(asked))
    whole = reach.whole
    if whole is None:
        return None
    binding: list[tuple[int, int, int]] = []
    for axis, least, most in zip(asked, *whole, strict=True):
        window = bounds[names[axis]]
        low, high = max(window.lo, least), min(window.hi, most)
        if low > high:
            return None
        kept = every and names[axis] in asked_for
        if kept or (low, high) != (least, most) or axis == last:
            binding.append((axis, low, high))
    axes = tuple(axis for axis, _, _ in binding)
    return BoundedChain(
        known,
        stages,
        axes,
        np.array([low for _, low, _ in binding], np.int64),
        np.array([high for _, _, high in binding], np.int64),
        reach if axes == tuple(asked) else reach.along([asked.index(axis) for axis in axes]),
        own,
    )


def _with_limits(chain: Chain, bounds: Bounds) -> Bounds:
    """Windows together with those that every network of the chain keeps."""
    together = dict(bounds)
    for limit in chain.limits:
        if limit.window != EVERY:
            other = together.get(limit.measure, EVERY)
            together[limit.measure] = Window(max(other.lo, limit.window.lo), min(other.hi, limit.window.hi))
    return together


def _alone(chain: Chain) -> dict[int, int]:
    """The axes of totals that one stage alone decides, and which it is."""
    several = len(chain.stages) > 1
    return {
        chain.measures.index(limit.measure): limit.stage or 0
        for limit in chain.limits
        if limit.stage is not None or not several
    }


def _binds(known: Terms, cells: Sequence[PatternCell], axis: int, bounds: Bounds) -> bool:
    """Whether a cell of a stage can miss a window."""
    window = bounds[known.chain.measures[axis]]
    spans = (span(known, cell, (axis,)) for cell in cells)
    return any(low < window.lo or high > window.hi for (low,), (high,) in spans)
