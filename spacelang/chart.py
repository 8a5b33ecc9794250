"""Bars over an axis, on a canvas."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from spacelang.canvas import COLOURS, Box, Canvas, Text, Trace

WIDTH, HEIGHT = 600, 320  # words of 15: legible at 420 pixels' width
_LEFT, _RIGHT, _TOP, _BOTTOM = 24, 24, 44, 40


@frozen
class Bars:
    """A title; the height of each bar, between 0 and 1, with what it says; the words at both ends of the axis."""

    title: str
    heights: tuple[float, ...]
    notes: tuple[str, ...]
    ends: tuple[str, str]


def heights(counts: Sequence[int]) -> tuple[float, ...]:
    """Counts of any size, in proportion to the greatest."""
    most = max(counts, default=0)
    return tuple(count / most if most else 0.0 for count in counts)  # int / int: right however large


def drawn(bars: Bars) -> Canvas:
    """The chart on a canvas; each bar tells its note when pointed at."""
    slot = (WIDTH - _LEFT - _RIGHT) / max(1, len(bars.heights))
    width = slot - min(1.0, slot / 8)
    floor, room = HEIGHT - _BOTTOM, HEIGHT - _TOP - _BOTTOM
    boxes = [
        Box(_LEFT + i * slot, floor - height * room, width, height * room, COLOURS[0], note)
        for i, (height, note) in enumerate(zip(bars.heights, bars.notes, strict=True))
    ]
    left, right = bars.ends
    frame = (
        Text(_LEFT, 26, bars.title, 16),
        Trace(((_LEFT, floor), (WIDTH - _RIGHT, floor))),
        Text(_LEFT, floor + 20, left, 15),
        Text(WIDTH - _RIGHT, floor + 20, right, 15, "end"),
    )
    return Canvas(WIDTH, HEIGHT, (*boxes, *frame))
