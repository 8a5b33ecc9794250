"""A race leaves those who cannot keep up, and errs as seldom as it says."""

from itertools import permutations
from math import factorial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacelang_runtime.search.racing import Race, wealth

losses = st.lists(st.floats(0, 12, width=16), min_size=1, max_size=60)


@given(st.data())
def test_wealth_is_never_gone_whatever_the_losses(data) -> None:
    """Losses are not clipped: a bet never takes more than half of what there is."""
    rival = np.array(data.draw(losses))
    errors = np.array(data.draw(st.lists(st.floats(0, 6e4, width=16), min_size=len(rival), max_size=len(rival))))
    while errors.sum() > rival.sum():  # the hypothesis: as good over all
        errors /= 2
    steps = np.diff(np.exp(wealth(rival, errors)), prepend=1) / np.exp(
        wealth(rival, errors) - np.diff(wealth(rival, errors), prepend=0)
    )
    assert np.isfinite(wealth(rival, errors)).all()
    assert (steps >= -0.5 - 1e-9).all()


@pytest.mark.parametrize(
    ("rival", "errors"),
    [
        ([0.5, 2.0, 0.0, 1.0, 3.0, 0.25], [3.0, 0.25, 0.5, 2.0, 0.0, 1.0]),
        ([1.0, 1.0, 0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 1.0, 1.0, 1.0, 0.0]),
        ([0.1, 0.1, 0.1, 0.1, 0.1, 7.0], [1.2, 1.2, 1.2, 1.2, 1.2, 1.5]),
    ],
)
def test_over_all_orders_of_the_images_wealth_does_not_grow_against_who_is_as_good(rival, errors) -> None:
    """Both sum to the same: by mean over every order, the wealth after any number of images is what it was,
    exactly; and orders in which it ever comes to 1 / α are at most the share α of all."""
    rival, errors = np.array(rival), np.array(errors)
    assert errors.sum() == pytest.approx(rival.sum())
    ways = np.array([np.exp(wealth(rival[list(o)], errors[list(o)])) for o in permutations(range(len(rival)))])
    assert len(ways) == factorial(len(rival))
    assert ways.mean(0) == pytest.approx(np.ones(len(rival)))
    for risk in (0.8, 0.5, 0.2, 0.05):
        assert (ways.max(1) >= 1 / risk).mean() <= risk


def test_who_is_better_makes_wealth_shrink() -> None:
    rival = np.array([0.5, 2.0, 0.0, 1.0, 3.0, 0.25])
    errors = np.array([1.5, 0.25, 0.5, 1.0, 0.0, 0.5])
    ways = np.array([np.exp(wealth(rival[list(o)], errors[list(o)])) for o in permutations(range(6))])
    assert (ways.mean(0) <= 1 + 1e-12).all()


def test_a_worse_network_is_left_and_the_sooner_the_worse_it_is() -> None:
    source = np.random.default_rng(0)
    rival = source.exponential(1.0, 4000)
    left = []
    for gap in (0.05, 0.1, 0.3):
        errors = np.maximum(rival + source.normal(gap, 0.5, 4000), 0)
        left.append(int(np.argmax(wealth(rival, errors) >= np.log(1e4))))
    assert 0 < left[2] < left[1] < left[0]


def test_what_every_image_to_come_cannot_mend_is_lost_at_any_risk() -> None:
    rival = np.ones(10)
    assert Race(rival, "loss", (6,), 1e-300).lost(np.full(6, 1.7))
    assert not Race(rival, "loss", (5,), 1e-300).lost(np.full(5, 1.9))


@given(losses)
def test_a_network_that_answers_alike_is_never_left(rival) -> None:
    values = np.array(rival)
    for seen in range(1, len(values) + 1):
        assert not Race(values, "loss", (), 0.49).lost(values[:seen])
