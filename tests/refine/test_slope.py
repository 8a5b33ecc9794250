"""The line of a subspace: what it is of known errors, and that it is never drawn through what it should not be."""

import random

import numpy as np
import pytest

from spacelang.lower.lowered import lower
from spacelang.recipe import Refine
from spacelang.refinement.sample import Sample, drawn
from spacelang.refinement.slope import MeasuredSpace, measured
from spacelang.refinement.subspace import Subspace, subspaces

from .landscape import SPACE, compiled

LOWERED = lower(compiled(SPACE))
PARTS, _ = subspaces(LOWERED.space, Refine().steps)
RECIPE = Refine(samples=400, top=20, per_choice=0)
SAMPLES = drawn(LOWERED, RECIPE, {}, PARTS)


def value(part: Subspace, sample: Sample) -> float:
    """The mean of a stage's values, in steps."""
    shares = part.shares(sample.architecture)
    return sum(s * float(o / part.step) for s, o in zip(shares, part.options, strict=True))


def of(part: Subspace, found: MeasuredSpace) -> float:
    return next(s.slope.value for s in found.slopes if s.part == part)


def noisy(seed: int, samples: tuple[Sample, ...] = SAMPLES) -> list[float]:
    chance = random.Random(seed)
    return [chance.gauss(0.3, 0.02) for _ in samples]


@pytest.mark.parametrize("part", PARTS, ids=lambda p: p.name)
def test_of_mean_errors_the_slope_is_that_of_least_squares_over_the_means_of_the_stage(part: Subspace) -> None:
    """Where the best are all, Q is the mean error: numpy's least squares is then an independent reference."""
    errors = noisy(1)
    found = measured(SAMPLES, errors, [part], 1.0, 0.9, resamples=20)
    slope, level = np.polyfit([value(part, sample) for sample in SAMPLES], errors, 1)
    assert of(part, found) == pytest.approx(slope)
    line = found.slopes[0]
    assert line.level == pytest.approx(level + slope * line.middle / float(part.step))


@pytest.mark.parametrize("part", PARTS, ids=lambda p: p.name)
def test_a_line_of_errors_is_found_in_a_deep_stage_as_in_a_shallow_one(part: Subspace) -> None:
    """All layers of a stage one step up are worth a point, however many there are: that is the slope."""
    errors = [0.5 - 0.01 * value(part, sample) for sample in SAMPLES]
    found = measured(SAMPLES, errors, [part], 1.0, 0.9, resamples=20)
    assert of(part, found) == pytest.approx(-0.01)
    first, *_, last = found.slopes[0].points
    steps = float((last.option - first.option) / part.step)
    assert last.error - first.error == pytest.approx(-0.01 * steps, rel=0.2), "the points lie near that line"


def test_the_best_count_for_half() -> None:
    """A choice that only makes the best better has half of that in its slope."""
    part = next(p for p in PARTS if p.name == "stage 1 embed")
    has = [part.shares(s.architecture).index(1.0) for s in SAMPLES]
    errors = [0.2 - 0.05 * place if number % 10 == 0 else 0.3 for number, place in enumerate(has)]
    found = measured(SAMPLES, errors, [part], 0.05, 0.9, resamples=20)
    by_hand = []
    for place in range(3):
        own = sorted(error for error, at in zip(errors, has, strict=True) if at == place)
        best = 0.05 * len(own)
        whole, rest = int(best), best - int(best)
        top = (sum(own[:whole]) + rest * own[whole]) / best
        by_hand.append((sum(own) / len(own) + top) / 2)
    assert [p.error for p in found.slopes[0].points] == pytest.approx(by_hand)


def test_what_was_drawn_for_one_choice_speaks_for_no_other() -> None:
    recipe = Refine(samples=30, top=2, per_choice=25)
    samples = drawn(LOWERED, recipe, {}, PARTS)
    base = [sample for sample in samples if sample.given is None]
    assert len(samples) > len(base) == 30
    errors = [0.3 if sample.given is None else 0.9 for sample in samples]
    found = measured(samples, errors, PARTS, 0.1, 0.9, resamples=20)
    assert found.errors == (0.3,) * 30
    assert found.quality.error.value == pytest.approx(0.3)
    for line in found.slopes:
        own = [
            s
            for s in samples
            if s.given and (s.given.stage, s.given.dimension) == (line.part.stage, line.part.dimension)
        ]
        assert sum(point.count for point in line.points) == pytest.approx(30 + len(own))
        assert all(point.count >= 25 - 1e-6 for point in line.points)


def test_more_draws_of_a_choice_tell_the_same_line_more_surely() -> None:
    """Draws for one choice have it in all layers, the others in some: of a true line, both give that line."""
    recipe = Refine(samples=60, top=60, per_choice=60)
    samples = drawn(LOWERED, recipe, {}, PARTS)
    part = next(p for p in PARTS if p.name == "stage 3 mlp")
    errors = [0.5 - 0.01 * value(part, sample) for sample in samples]
    assert of(part, measured(samples, errors, [part], 1.0, 0.9, resamples=20)) == pytest.approx(-0.01)


def test_intervals_hold_what_is_true_about_as_often_as_they_say() -> None:
    """Nothing matters, 20 times over: intervals of 90 % hold zero for most slopes, and not for all."""
    signed = [
        line.slope.signed
        for seed in range(20)
        for line in measured(SAMPLES, noisy(seed), PARTS, 0.05, 0.9, seed, resamples=60).slopes
    ]
    assert 0.03 < sum(signed) / len(signed) < 0.2


def test_the_same_draws_give_the_same_intervals() -> None:
    one, other = (measured(SAMPLES, noisy(3), PARTS[:2], 0.05, 0.95, 7, resamples=50) for _ in range(2))
    assert one == other


def test_a_subspace_of_which_one_option_was_seen_has_no_slope() -> None:
    part = next(p for p in PARTS if p.name == "stage 1 depth")
    alike = [sample for sample in SAMPLES if part.shares(sample.architecture)[0] == 1.0]
    assert measured(alike, noisy(1, tuple(alike)), [part], 0.1, 0.9, resamples=20).slopes == ()
