"""The E-T error is the mean of the mean error and of the mean error of the best share, of any weighted set."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacelang.refinement.error import parts

# Ten networks, computed by hand: mean 0.38; the best two 0.21; the best two and a half (0.20 + 0.22 + 0.15) / 2.5.
TABLE = np.array([0.20, 0.22, 0.30, 0.33, 0.38, 0.40, 0.44, 0.47, 0.50, 0.56])


@pytest.mark.parametrize(
    ("weights", "share", "mean", "top"),
    [
        ([1] * 10, 0.2, 0.38, 0.21),
        ([1] * 10, 0.25, 0.38, 0.228),
        ([1] * 10, 1.0, 0.38, 0.38),
        ([1] * 10, 0.05, 0.38, 0.20),  # half a network: the best
        ([0, 0, 1, 0, 0, 0, 0, 0, 0, 1], 0.5, 0.43, 0.30),
        ([0.5, 0, 0, 0, 0.25, 0, 0, 0, 0.25, 0], 0.6, 0.32, (0.5 * 0.20 + 0.1 * 0.38) / 0.6),
    ],
)
def test_a_table_by_hand(weights: list[float], share: float, mean: float, top: float) -> None:
    found = parts(TABLE, np.array([weights], float), share)
    assert found.mean[0] == pytest.approx(mean)
    assert found.top[0] == pytest.approx(top)
    assert found.error[0] == pytest.approx((mean + top) / 2)


def test_an_empty_set_has_no_error() -> None:
    assert np.isnan(parts(TABLE, np.zeros((1, 10)), 0.1).error[0])


errors = st.lists(st.floats(0, 1), min_size=2, max_size=30).map(sorted)
shares = st.floats(0.01, 1)


@given(errors, shares, st.integers(2, 5))
def test_the_same_networks_many_times_over_are_the_same_set(values: list[float], share: float, times: int) -> None:
    """So the best are a share and no number: however many networks have a choice, Q_t is the same quantity."""
    once = parts(np.array(values), np.ones((1, len(values))), share)
    often = parts(np.repeat(values, times), np.ones((1, len(values) * times)), share)
    weighed = parts(np.array(values), np.full((1, len(values)), 0.3), share)
    assert often.error[0] == pytest.approx(once.error[0])
    assert weighed.error[0] == pytest.approx(once.error[0])


@given(errors, shares)
def test_the_best_are_no_worse_than_all_and_no_better_than_the_best_one(values: list[float], share: float) -> None:
    found = parts(np.array(values), np.ones((1, len(values))), share)
    assert values[0] - 1e-12 <= found.top[0] <= found.mean[0] + 1e-12


@given(errors, st.integers(1, 30))
def test_the_top_of_the_source_is_the_share_it_is_of_the_samples(values: list[float], top: int) -> None:
    top = min(top, len(values))
    found = parts(np.array(values), np.ones((1, len(values))), top / len(values))
    assert found.top[0] == pytest.approx(sum(values[:top]) / top)
