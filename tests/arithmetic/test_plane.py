"""Boxes over weighted points answer as a look at every point does."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacelang.lower import ascent
from spacelang.lower.draw import stream
from spacelang.lower.plane import extreme, mass, plane
from spacelang.lower.range_tree import draw

from .chains import chi_square


def scattered(seed: int, axes: int, size: int, reach: int) -> tuple[np.ndarray, np.ndarray]:
    """Points with repeated coordinates and weights from one to many."""
    random = np.random.default_rng(seed)
    return random.integers(0, reach, (axes, size)) * 3 + 7, random.integers(1, 50, size).astype(np.float64)


def around(seed: int, axes: int, boxes: int, reach: int) -> tuple[np.ndarray, np.ndarray]:
    """Boxes of all sizes: empty ones, whole ones, ones beyond every point."""
    random = np.random.default_rng(seed + 1)
    low = random.integers(-5, 3 * reach + 12, (axes, boxes))
    return low, low + random.integers(-3, 3 * reach + 12, (axes, boxes))


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32),
    st.integers(1, 2),
    st.integers(1, 400),
    st.integers(1, 60),
    st.booleans(),
    st.sampled_from((0, 10**6)),
)
def test_mass_and_extremes_are_those_of_every_point(
    seed: int, axes: int, size: int, reach: int, tabled: bool, looks: int
) -> None:
    cost, weight = scattered(seed, axes, size, reach)
    low, high = around(seed, axes, 80, reach)
    inside = ((cost[:, None] >= low[:, :, None]) & (cost[:, None] <= high[:, :, None])).all(axis=0)
    with pytest.MonkeyPatch.context() as patch:
        if tabled:  # tables of ranks are made for large sets alone, otherwise
            patch.setattr(ascent, "SEARCHED", 1)
        points, ones = (plane(cost, one, looks) for one in (weight, np.ones(size)))
    assert mass(points, low, high).tolist() == (inside @ weight).tolist()
    for most in (False, True):
        some, value = extreme(ones, low, high, most=most)
        pick = max if most else min
        expected = {box: pick(cost[-1][held].tolist()) for box, held in enumerate(inside) if held.any()}
        assert dict(zip(some.tolist(), value.tolist(), strict=True)) == expected


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 2), st.integers(1, 150), st.sampled_from((0, 10**6)))
def test_draws_from_a_box_are_by_weight(seed: int, axes: int, size: int, looks: int) -> None:
    cost, weight = scattered(seed, axes, size, 20)
    low, high = around(seed, axes, 12, 20)
    points = plane(cost, weight, looks)
    inside = mass(points, low, high)
    box = int(np.argmax(inside > 0))
    if not inside[box]:
        return
    times = 3000
    lows, highs = np.repeat(low[:, [box]], times, axis=1), np.repeat(high[:, [box]], times, axis=1)
    drawn = draw(points, lows, highs, np.full(times, inside[box]), stream(seed).uniform(times)).tolist()
    held = np.nonzero(((cost >= low[:, [box]]) & (cost <= high[:, [box]])).all(axis=0))[0].tolist()
    law = {point: Fraction(int(weight[point]), int(inside[box])) for point in held}
    assert chi_square(law, drawn) > 1e-6  # type: ignore[arg-type]
