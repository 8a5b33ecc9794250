"""A race leaves those who cannot keep up, and errs as seldom as it says."""

from fractions import Fraction
from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacelang_runtime.search.racing import Race, looks, unlikely


@given(st.integers(0, 60), st.integers(0, 60), st.sampled_from([0.3, 0.1, 1e-2, 1e-4, 1e-9]))
def test_the_sign_test_is_the_tail_of_fair_tosses(behind: int, ahead: int, risk: float) -> None:
    tosses = behind + ahead
    tail = Fraction(sum(comb(tosses, heads) for heads in range(behind, tosses + 1)), 2**tosses)
    assert unlikely(behind, ahead, risk) == (tail <= Fraction(risk) and behind > ahead)


@pytest.mark.parametrize("differing", range(1, 13))
def test_draws_without_replacement_stay_below_the_tosses(differing: int) -> None:
    """The inequality that docs/search.md proves, by counting: of `differing` images, at most half of which speak
    for the parent, any number is seen; that so many of them do is no likelier than with fair tosses."""
    for against in range(differing // 2 + 1):
        for seen in range(1, differing + 1):
            for behind in range(seen // 2 + 1, seen + 1):
                drawn = Fraction(
                    sum(comb(against, k) * comb(differing - against, seen - k) for k in range(behind, seen + 1)),
                    comb(differing, seen),
                )
                tosses = Fraction(sum(comb(seen, k) for k in range(behind, seen + 1)), 2**seen)
                assert drawn <= tosses


def test_no_order_of_the_images_errs_more_often_than_the_risk() -> None:
    """Of all orders of the images, those in which a network as good as the parent is left at one look."""
    images, seen, risk = 12, 6, 0.05
    parent = np.array([True] * 5 + [False] * 5 + [True] * 2)
    equal = np.array([False] * 5 + [True] * 5 + [True] * 2)
    lost = 0
    for first in combinations(range(images), seen):
        order = [*first, *(i for i in range(images) if i not in first)]
        lost += Race(parent[order], (seen,), risk).lost(equal[order][:seen])
    assert 0 < lost / comb(images, seen) <= risk


def test_what_every_image_to_come_cannot_mend_is_lost_at_any_risk() -> None:
    weakest = np.ones(10, np.bool_)
    assert Race(weakest, (6,), 1e-12).lost(np.zeros(6, np.bool_))
    assert not Race(weakest, (5,), 1e-12).lost(np.zeros(5, np.bool_))


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_a_network_that_is_as_good_so_far_is_never_left(answers) -> None:
    weakest, right = np.array(answers).T
    if right.sum() >= weakest.sum():
        assert not Race(weakest, (), 0.49).lost(right)


def test_looks_are_whole_batches_that_double() -> None:
    assert looks(10_000, 256) == (256, 512, 1024, 2048, 4096, 8192)
    assert looks(100, 128) == ()
