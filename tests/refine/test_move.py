"""By how many steps a slope moves its options."""

from fractions import Fraction

import pytest
from attrs import evolve

from spacelang.recipe import Refine
from spacelang.refinement.move import Move, asked, moved, signed, steps
from spacelang.refinement.slope import Interval, Slope
from spacelang.refinement.subspace import Subspace

THRESHOLD = Fraction(1, 500)


@pytest.mark.parametrize(
    ("slope", "zero", "floor"),
    [
        (0.0, 0, 0),
        (0.0019, 0, 0),
        (0.002, -1, -1),
        (0.0021, -1, -1),
        (0.0059, -2, -2),
        (0.0061, -3, -3),
        (-0.000001, 0, 1),  # the formula to the letter moves up on the least negative slope …
        (-0.0019, 0, 1),
        (-0.0021, 1, 2),  # … and always a step farther up than down
        (-0.0061, 3, 4),
    ],
)
def test_steps_follow_slope_over_threshold(slope: float, zero: int, floor: int) -> None:
    assert steps(slope, THRESHOLD, "zero") == zero
    assert steps(slope, THRESHOLD, "floor") == floor


def test_a_slope_of_whole_thresholds_is_the_same_either_way() -> None:
    assert steps(-0.25, Fraction(1, 8), "zero") == steps(-0.25, Fraction(1, 8), "floor") == 2


def slope(value: float, either: float = 0.0001, options: tuple = (64, 96, 128), step: int = 32) -> Slope:
    part = Subspace(1, "embed", options, step, 16)
    return Slope(part, (), Interval(value, value - either, value + either), 96.0, 0.3)


def told(move: Move) -> tuple[int, str]:
    return move.taken, move.reason


def test_a_slope_whose_interval_holds_zero_moves_nothing() -> None:
    assert told(asked(slope(-0.004, either=0.005), Refine())) == (0, "its interval holds zero")
    assert told(asked(slope(-0.004, either=0.003), Refine())) == (2, "")


def test_no_confidence_asks_for_no_interval() -> None:
    assert asked(slope(-0.004, either=0.005), Refine(confidence=0)).taken == 2


def test_a_slope_below_the_threshold_moves_nothing() -> None:
    assert told(asked(slope(0.001), Refine())) == (0, "its slope is below the threshold")


def test_options_move_no_farther_than_to_the_end_of_what_was_measured() -> None:
    move = asked(slope(-0.05), Refine())
    assert move.taken == 2
    assert move.after == (128, 160, 192)
    assert move.reason.startswith("25 steps by the slope")
    assert asked(slope(0.05, options=(64, 96)), Refine()).after == (32, 64)


def test_a_step_is_the_recipes_or_as_far_as_the_options_are_apart() -> None:
    assert asked(slope(-0.003, options=(64, 96, 160)), Refine()).after == (96, 128, 192)
    assert asked(slope(-0.003, options=(64, 96, 128), step=16), Refine()).after == (80, 112, 144)


def test_options_that_fall_to_nothing_are_dropped() -> None:
    part = Subspace(1, "depth", (1, 2, 3), 1, 16)
    assert moved(evolve(slope(0.003), part=part), -1) == (1, 2)
    assert moved(evolve(slope(0.003), part=part), -2) == (1,)


def test_steps_in_words() -> None:
    assert [signed(count) for count in (1, 2, -1, -3)] == ["1 step up", "2 steps up", "1 step down", "3 steps down"]
