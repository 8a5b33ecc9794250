"""Scores as dots on a canvas."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from spacelang.api.goals import Direction
from spacelang.canvas import COLOURS, FAINT, Canvas, Dot, Text, Trace

_WIDTH, _HEIGHT = 600, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 84, 24, 44, 40

PlotPoint = Sequence[float]


def by_order(space: str, scores: Sequence[float], direction: Direction) -> Canvas:
    """Each score in the order told, and the best so far as a line."""
    best = list(accumulate(scores, max if direction == "maximize" else min))
    dots = [(float(at), score) for at, score in enumerate(scores, 1)]
    line = [(float(at), score) for at, score in enumerate(best, 1)]
    return _sheet(f"{space}: scores in the order told", dots, line)


def by_goals(space: str, scores: Sequence[PlotPoint], front: Sequence[PlotPoint]) -> Canvas:
    """Each score by its first two goals, the front as a line. The first goal goes upwards."""
    dots = [(score[1], score[0]) for score in scores]
    line = sorted((score[1], score[0]) for score in front)
    return _sheet(f"{space}: score 1 over score 2, and the front", dots, line)


def _sheet(title: str, dots: Sequence[tuple[float, float]], line: Sequence[tuple[float, float]]) -> Canvas:
    floor, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    frame = (Text(_LEFT, 26, title, 16), Trace(((_LEFT, _TOP), (_LEFT, floor), (right, floor)), FAINT))
    if not dots:
        return Canvas(_WIDTH, _HEIGHT, frame)
    (x_low, x_high), (y_low, y_high) = (_ends([dot[axis] for dot in dots]) for axis in (0, 1))

    def placed(x: float, y: float) -> tuple[float, float]:
        across = _share(x, x_low, x_high) * (right - _LEFT)
        return _LEFT + across, floor - _share(y, y_low, y_high) * (floor - _TOP)

    return Canvas(
        _WIDTH,
        _HEIGHT,
        (
            *frame,
            *(Dot(*placed(x, y), 2.5, COLOURS[0], f"{y:g} at {x:g}") for x, y in dots),
            Trace(tuple(placed(x, y) for x, y in line), COLOURS[1], 1.5),
            Text(_LEFT, floor + 20, f"{x_low:g}", 15),
            Text(right, floor + 20, f"{x_high:g}", 15, "end"),
            Text(_LEFT - 8, floor, f"{y_low:.4g}", 15, "end"),
            Text(_LEFT - 8, _TOP + 8, f"{y_high:.4g}", 15, "end"),
        ),
    )


def _ends(values: Sequence[float]) -> tuple[float, float]:
    return min(values), max(values)


def _share(value: float, low: float, high: float) -> float:
    return (value - low) / (high - low) if high > low else 0.5
