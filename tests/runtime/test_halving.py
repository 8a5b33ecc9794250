"""Successive halving parts a generation; intervals hold what they should."""

import numpy as np
import pytest

from spacelang_runtime.search.halving import going_on, rungs
from spacelang_runtime.search.images import cuts
from spacelang_runtime.search.interval import of_mean
from spacelang_runtime.search.method import Method


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (1, (1,)),
        (96, (96,)),
        (150, (96, 150)),
        (384, (96, 192, 384)),
        (385, (96, 192, 384)),
        (8000, (96, 192, 384)),
    ],
)
def test_rungs_double_and_end_at_384_or_at_all(images: int, expected: tuple[int, ...]) -> None:
    assert rungs(images) == expected
    for batch in (64, 256, 1024):
        ends = cuts(images, batch)
        assert set(expected) <= set(ends), "a network is looked at where a batch ends"
        assert list(ends) == sorted(set(ends))


def test_the_best_part_of_all_seen_goes_on_whichever_generation_it_was_in() -> None:
    before = {f"old{i}": 1.0 + i for i in range(10)}
    worse = {f"new{i}": 20.0 + i for i in range(10)}
    better = {f"new{i}": i / 10 for i in range(10)}
    assert going_on(list(worse), before | worse) == []
    assert going_on(list(better), before | better) == [f"new{i}" for i in range(6)]
    assert going_on(["a"], {"a": 1.0}) == ["a"]
    assert going_on(["a", "b", "c"], {"a": 1.0, "b": 1.0, "c": 2.0}) == ["a", "b"]


def test_the_interval_of_a_mean_holds_it_in_95_of_100_cases() -> None:
    source = np.random.default_rng(0)
    held = [low <= 1 <= high for low, high in (of_mean(source.exponential(1, 400)) for _ in range(2000))]
    assert np.mean(held) == pytest.approx(0.95, abs=0.015)


def test_images_are_spent_as_method_and_algorithm_allow() -> None:
    assert Method().spending == Method("paper").spending == Method("random").spending == "halving"
    assert Method("paper", risk=0.1).spending == "races"
    assert Method("regularized").spending == Method("paper", exact=True).spending == "full"
    assert Method("paper", ("accuracy", "flops")).spending == "full"
    assert Method().readable(1000) == 800
