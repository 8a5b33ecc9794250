"""What is still to be learned is found where networks follow the law, and what is not there is not found."""

import numpy as np
import pytest

from spacelang.recipe import Refine
from spacelang.refinement.curve import SLOWEST, Curve, curve, to_come
from spacelang.refinement.paired import difference, profile
from spacelang.refinement.ruler import PerImageScores, smoothed

from .landscape import SPACE, networks


def told(losses: np.ndarray, images: int = 4) -> PerImageScores:
    values = np.repeat(losses[:, None], images, axis=1)
    return PerImageScores(values, values)


@pytest.mark.parametrize("power", [0.7, 1.0, 2.0])
def test_the_limit_of_a_power_law_is_found(power: float) -> None:
    """L(t) = a + g t^−p at a quarter, a half and the whole: a, where the gaps follow the options."""
    parts, samples = networks(SPACE, Refine(samples=60, top=3, per_choice=1), 0)
    layers = np.array([sum(len(stage.layers) for stage in s.architecture.stages) for s in samples], float)
    quality, gap = np.linspace(1.0, 2.0, len(samples)), 0.1 + 0.02 * layers
    quarter, half, whole = (told(quality + gap * t**-power) for t in (0.25, 0.5, 1.0))
    along = curve(quarter, half, whole)
    assert along.rate == pytest.approx(2**-power)
    found = to_come(half, whole, along, samples, parts)
    np.testing.assert_allclose(found.told.losses.mean(axis=1), quality, atol=1e-9)
    assert max(found.doubts) < 1e-9


def test_a_curve_that_does_not_fall_leaves_nothing_and_a_slow_one_is_not_believed() -> None:
    flat = told(np.full(9, 1.0))
    noisy = told(1.0 + np.array([0.1, -0.1, 0.1, -0.1, 0.1, -0.1, 0.1, -0.1, 0.02]))
    assert curve(flat, flat, flat) == curve(flat, noisy, flat) == Curve(0.0)
    linear = [told(np.full(9, loss) + np.linspace(0, 1e-3, 9) * loss) for loss in (3.0, 2.0, 1.0)]
    assert curve(*linear) == Curve(SLOWEST)
    assert Curve(SLOWEST).factor == pytest.approx(2.0)


def test_noisy_falls_make_the_slopes_doubtful() -> None:
    parts, samples = networks(SPACE, Refine(samples=60, top=3, per_choice=1), 0)
    luck = np.random.default_rng(0).normal(0.0, 0.1, len(samples))
    half, whole = told(2.0 + luck), told(np.full(len(samples), 1.0))
    calm = to_come(half, whole, Curve(0.25), samples, parts).doubts
    wild = to_come(half, whole, Curve(0.5), samples, parts).doubts
    assert min(calm) > 0
    np.testing.assert_allclose(np.array(wild) / calm, 3.0)  # factors 1/3 and 1


def test_errors_by_loss_have_the_unit_of_errors() -> None:
    losses = np.array([[0.5, 1.5], [1.0, 2.0], [1.5, 2.5]])
    wrong = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    np.testing.assert_allclose(smoothed(PerImageScores(losses, wrong)), [0.0, 0.5, 1.0])
    np.testing.assert_allclose(
        smoothed(PerImageScores(losses, wrong[::-1])), [1.0, 0.5, 0.0]
    )  # no line that rises: as counted


def test_a_pair_of_spaces_differs_by_what_was_added_whatever_the_images_are_like() -> None:
    chance = np.random.default_rng(0)
    hard = chance.normal(0.0, 1.0, 400)
    networks_ = chance.normal(0.0, 0.1, 200)[:, None]
    losses = 2.0 + networks_ + hard[None]
    wrong = 0.5 + 0.1 * (losses - 2.0)  # a nat of loss is a tenth of error
    one = profile(PerImageScores(losses, wrong), 0.05, 0)
    other = profile(PerImageScores(losses + 0.3, wrong + 0.03), 0.05, 0)
    for score in ("loss", "accuracy"):
        found = difference(one, other, score)
        assert found.value == pytest.approx(0.03)
        assert 0 < found.high - found.value < 0.006, "images that are hard for all do not blur it"
    with pytest.raises(ValueError, match="cannot be paired"):
        difference(one, profile(PerImageScores(losses[:, :9], wrong[:, :9]), 0.05, 0), "loss")
