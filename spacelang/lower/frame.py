"""A chain under a pattern and windows: what is left to decide, and which windows can be missed."""

from __future__ import annotations

import numpy as np
from attrs import frozen

from spacelang.lower.chain import Bounds
from spacelang.lower.pattern import Pattern
from spacelang.lower.reach import Reaches, reaches
from spacelang.lower.sums import Int
from spacelang.lower.terms import Axes, Place, Terms, places


@frozen(eq=False)
class Frame:
    """A chain under a pattern and windows: only the windows that can be missed remain."""

    known: Terms
    stages: tuple[tuple[Place, ...], ...]
    axes: Axes
    low: Int
    high: Int
    reach: Reaches


def frame(
    known: Terms, pattern: Pattern, bounds: Bounds, last: int | None = None, *, every: bool = False
) -> Frame | None:
    """The chain under a pattern and windows; None where already the spans of cost leave nothing inside.

    Measure `last`, if given, keeps its axis even where its window cannot be missed, and that axis is the last; with
    `every`, all bounded measures keep theirs.
    """
    names = known.chain.measures
    if unknown := set(bounds) - set(names):
        raise ValueError(f"the chain has no measure {sorted(unknown)[0]}: it has {', '.join(names)}")
    stages = tuple(places(known, pattern, t) for t in range(len(known.chain.stages)))
    asked = [axis for axis, name in enumerate(names) if name in bounds]
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
        if every or (low, high) != (least, most) or axis == last:
            binding.append((axis, low, high))
    axes = tuple(axis for axis, _, _ in binding)
    return Frame(
        known,
        stages,
        axes,
        np.array([low for _, low, _ in binding], np.int64),
        np.array([high for _, _, high in binding], np.int64),
        reach if axes == tuple(asked) else reach.along([asked.index(axis) for axis in axes]),
    )
