"""What a move rests on, in the words of the comment behind its line."""

from __future__ import annotations

from spacelang.expression import Number
from spacelang.refinement.move import Move, signed
from spacelang.refinement.rewrite import MARK, domain
from spacelang.refinement.slope import Interval


def evidence(move: Move, space: str) -> str:
    """`# refine mini: slope -0.42 [-0.60, -0.21] points a step: 2 steps up from 1..3`."""
    slope = move.slope.slope
    return f"{MARK}{space}: slope {said(slope)} points a step: {signed(move.taken)} from {options(move.before)}"


def said(interval: Interval, digits: int = 2) -> str:
    """An interval of error in points, which are hundredths: `-0.42 [-0.60, -0.21]`."""
    value, low, high = (f"{100 * number:.{digits}f}" for number in (interval.value, interval.low, interval.high))
    return f"{value} [{low}, {high}]"


def options(values: tuple[Number, ...]) -> str:
    """Options as a line of the language writes them."""
    return domain(values, len(values) > 2)
