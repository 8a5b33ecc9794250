"""Amounts as people read them."""

from __future__ import annotations

import pytest

from spacelang.amount import clock, counted, short, short_clock, spaced, unit_of


@pytest.mark.parametrize(
    ("count", "thing", "said"),
    [
        (1, "network", "1 network"),
        (0, "network", "0 networks"),
        (2, "class", "2 classes"),
        (1, "class", "1 class"),
        (3, "search", "3 searches"),
        (1, "held-out image", "1 held-out image"),
    ],
)
def test_one_thing_is_not_several(count: int, thing: str, said: str) -> None:
    assert counted(count, thing) == said


def test_a_count_is_one_where_it_is_written_so() -> None:
    assert counted(1.0004, "epoch", "{:.3g}".format) == "1 epoch"
    assert counted(20_000, "step", spaced) == "20 000 steps"
    assert counted(2.5, "epoch") == "2.5 epochs"


@pytest.mark.parametrize("count", [0, 999, 1000, 56_789, 28_328_674, 4_623_332_352, 10**13])
def test_a_unit_is_the_one_that_a_count_is_written_in(count: int) -> None:
    suffix, unit = unit_of(count)
    assert short(count).lstrip("0123456789.") == suffix
    assert count == 0 or 1 <= count / unit < 1000 or suffix == "T"


def test_a_time_is_told_in_the_unit_that_suits_it() -> None:
    said = [short_clock(seconds) for seconds in (0.0342, 2.5, 42, 125)]
    assert said == ["0.034 s", "2.5 s", "42 s", "2 min 05 s"]
    assert [clock(3600 * hours) for hours in (1.5, 99, 240, 10**6)] == [
        "1 h 30 min",
        "99 h 00 min",
        "10 days",
        "41 667 days",
    ]
