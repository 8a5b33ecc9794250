"""Progress and learning rate: timm's cosine where steps are counted, and the same curve where time is."""

from fractions import Fraction

import attrs
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from timm.scheduler import CosineLRScheduler

from spacelang.recipe import Train
from spacelang_runtime.engine.record import Limits
from spacelang_runtime.engine.schedule import expected_updates, finished, limits, progress, remaining, schedule


@given(st.integers(1, 9), st.integers(10, 40), st.integers(1, 5))
def test_a_run_that_counts_steps_has_timms_cosine_with_warm_up(warmup, epochs, steps_per_epoch):
    recipe = Train(epochs=epochs, warmup=warmup, learning_rate=Fraction(1, 500))
    total = epochs * steps_per_epoch
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1 / 500)
    theirs = CosineLRScheduler(
        optimizer,
        t_initial=total - warmup * steps_per_epoch,
        lr_min=1e-5,
        warmup_t=warmup * steps_per_epoch,
        warmup_prefix=True,
        t_in_epochs=False,
    )
    ours, bounds = schedule(recipe, steps_per_epoch), limits(recipe, steps_per_epoch)
    # timm's cycle is over at its last step, where it would start anew.
    for step in range(1, total):
        assert ours.rate(progress(bounds, step, 0.0), total) == pytest.approx(theirs._get_lr(step)[0], rel=1e-9)
    assert ours.rate(1.0, total) == pytest.approx(1e-5)


@given(st.floats(0, 1), st.floats(0, 2e4), st.integers(0, 1000))
def test_progress_is_that_of_the_limit_which_is_nearer(share, elapsed, step):
    bounds = Limits(1000, 1e4)
    at = progress(bounds, step, elapsed)
    assert 0 <= at <= 1
    assert at == pytest.approx(min(1, max(step / 1000, elapsed / 1e4)))
    assert finished(bounds, step, elapsed) == (step >= 1000 or elapsed >= 1e4)


def test_a_larger_budget_puts_a_run_where_a_single_run_of_it_would_be():
    assert progress(Limits(10**6, 480.0), 700, 480.0) == 1
    assert progress(Limits(10**6, 960.0), 700, 480.0) == 0.5


@pytest.mark.parametrize("warmup", [0, 20, 300, 400])
def test_rates_stay_between_nothing_and_the_peak_for_any_warm_up(warmup):
    ours = schedule(Train(warmup=warmup, learning_rate=Fraction(1, 1000)), 1)
    rates = [ours.rate(n / 300, 300) for n in range(301)]
    assert all(0 <= rate <= 0.001 for rate in rates)
    assert max(rates) == pytest.approx(0.001)


def test_a_peak_below_the_floor_is_a_constant():
    ours = schedule(Train(warmup=0, learning_rate=Fraction(1, 10**6)), 1)
    assert {ours.rate(share, 300) for share in (0.0, 0.5, 1.0)} == {1e-6}


@pytest.mark.parametrize(
    ("updates", "times"), [(300, 1), (75, 2), (1200, 0.5), (300 // 16, 4), (1, 4), (4800, 0.25), (10**9, 0.25)]
)
def test_by_the_root_law_a_quarter_of_the_steps_has_twice_the_peak(updates, times):
    recipe = Train(epochs=100, warmup=10, learning_rate=Fraction(1, 1000), rate_law="sqrt")
    ours = schedule(recipe, 3)
    assert ours.rate(0.1, updates) == pytest.approx(0.001 * times)
    assert ours.rate(1.0, updates) == pytest.approx(1e-5)
    assert schedule(attrs.evolve(recipe, rate_law="constant"), 3).rate(0.1, updates) == pytest.approx(0.001)


@pytest.mark.parametrize("elapsed", [0.0, 7.0, 1e6])
def test_a_run_that_counts_steps_expects_those_whatever_its_pace(elapsed):
    assert expected_updates(Limits(100), 3, elapsed) == 100


def test_a_run_of_so_many_seconds_expects_what_its_pace_comes_to():
    assert expected_updates(Limits(100, 40.0), 0, 0.0) == 100
    assert expected_updates(Limits(100, 40.0), 5, 4.0) == 50
    assert expected_updates(Limits(100, 40.0), 50, 10.0) == 100  # which its steps end before


def test_the_time_left_is_that_of_the_limit_which_is_nearer():
    assert remaining(Limits(100), 60, 30.0, 0.5) == 20
    assert remaining(Limits(100, 40.0), 60, 30.0, 0.5) == 10
    assert remaining(Limits(100, 40.0), 60, 41.0, 0.5) == 0
