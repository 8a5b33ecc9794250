"""By how many steps the options of a subspace are to move, and where they then lie."""

from __future__ import annotations

from fractions import Fraction
from math import floor, trunc

from attrs import frozen

from spacelang.amount import counted
from spacelang.expression import Number, decimal
from spacelang.recipe import Refine
from spacelang.refinement.slope import Slope


@frozen
class Move:
    """What a slope asks of its subspace. asked: steps, up if more than 0. reason: why fewer than slope / threshold
    says, or none at all; empty where nothing kept it back. before, after: the options as they are and as they
    become, `taken` steps on."""

    slope: Slope
    asked: int
    taken: int
    before: tuple[Number, ...]
    after: tuple[Number, ...]
    reason: str = ""


def steps(slope: float, threshold: Number, rounding: str) -> int:
    """Whole steps against a slope: as many as slope / threshold says.

    `zero` rounds toward zero. `floor` is the source's formula to the letter, −⌊slope / threshold⌋: it rounds
    every slope down, so the least negative one moves a step up, and a positive one below the threshold moves
    nothing."""
    ratio = Fraction(slope) / threshold
    return -(floor(ratio) if rounding == "floor" else trunc(ratio))


def asked(slope: Slope, recipe: Refine) -> Move:
    """The move that a slope asks for, before the checker is asked.

    A slope whose interval holds zero moves nothing. And the options that move stay next to what was measured: at
    least one of them was an option before, since what lies farther is only what the line says, not what any
    network showed."""
    options = slope.part.options
    wanted = steps(slope.slope.value, recipe.threshold, recipe.rounding)
    if not wanted:
        return Move(slope, 0, 0, options, options, "its slope is below the threshold")
    if recipe.confidence and not slope.slope.signed:
        return Move(slope, 0, 0, options, options, "its interval holds zero")
    most = max(1, int((options[-1] - options[0]) // slope.part.step))
    reason = ""
    if abs(wanted) > most:
        reason = f"{counted(abs(wanted), 'step')} by the slope; no farther than to the end of what was measured"
        wanted = most if wanted > 0 else -most
    return Move(slope, wanted, wanted, options, moved(slope, wanted), reason)


def moved(slope: Slope, count: int) -> tuple[Number, ...]:
    """The options of a subspace `count` steps on; those that fall to 0 or below are dropped."""
    return tuple(
        option + count * slope.part.step for option in slope.part.options if option + count * slope.part.step > 0
    )


def signed(count: int) -> str:
    """`2 steps up`, `1 step down`."""
    return f"{decimal(abs(count))} step{'s' if abs(count) != 1 else ''} {'up' if count > 0 else 'down'}"
