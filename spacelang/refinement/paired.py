"""Two spaces compared on the same images: whether the later one is worse.

Of a space, every held-out image has an E-T error of its own: half the mean over the networks, half the mean over
the best share of them. The E-T error is the mean of these over the images, so the difference of two spaces is a
mean of paired differences, whose interval does not suffer from some images being hard for all. What else is by
chance is which networks were drawn, in each space by itself:

    variance = Var_images(d) / images + b² · (s₁² + s₂²)

with d the images' differences, s the spread of a space's E-T loss over redraws of its networks (the bootstrap),
and b the error that a nat of loss stands for: one line for both spaces, from how networks differ *within* them.
The weights are as they are: another seed of a training is not in the interval.
"""

from __future__ import annotations

from math import hypot, sqrt
from statistics import NormalDist

import numpy as np
from attrs import frozen

from spacelang.recipe import Score
from spacelang.refinement.curve import ToCome
from spacelang.refinement.ruler import Floats, PerImageScores
from spacelang.refinement.slope import Interval, spread

MARGIN = 0.002  # by which a space that is kept may be worse, at most: a fifth of a point
CONFIDENCE = 0.95


@frozen
class Scale:
    """The E-T error of a space by one ruler. images: of each image. spread: its standard deviation over redraws of
    the networks."""

    images: tuple[float, ...]
    spread: float


@frozen
class Profile:
    """What another space is compared with. loss: in nats. counted: in shares. variance, covariance: of the
    networks' mean losses, and of these with their errors."""

    loss: Scale
    counted: Scale
    variance: float
    covariance: float


def profile(
    told: PerImageScores, share: float, seed: int, expected: ToCome | None = None, networks: int | None = None
) -> Profile:
    """The profile of a space from its first networks (None: all), those that were drawn for all. expected: what
    they are judged by, where it is not what they do. share: of them, the best."""
    told = told.first(networks or len(told.losses))
    shown = expected.told.first(len(told.losses)) if expected else told
    losses, errors = (of.mean(axis=1, dtype=np.float64) for of in (told.losses, told.wrong))
    apart = losses - losses.mean()
    return Profile(
        _scale(shown.losses, share, seed, expected),
        _scale(shown.wrong, share, seed, None),
        float((apart**2).mean()),
        float((apart * (errors - errors.mean())).mean()),
    )


def difference(before: Profile, after: Profile, score: Score) -> Interval:
    """The E-T error of the later space less that of the earlier one, as a share. Raises ValueError where they were
    not judged on as many images."""
    variance = before.variance + after.variance
    nat = (before.covariance + after.covariance) / variance if variance > 0 else 0.0
    by_loss = score == "loss" and nat > 0
    unit, one, other = (nat, before.loss, after.loss) if by_loss else (1.0, before.counted, after.counted)
    if len(one.images) != len(other.images):
        raise ValueError(f"{len(one.images)} images and {len(other.images)} cannot be paired")
    apart = unit * (np.array(other.images) - np.array(one.images))
    images = float(apart.var(ddof=1)) / len(apart) if len(apart) > 1 else 0.0
    either = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) * sqrt(images + unit**2 * (one.spread**2 + other.spread**2))
    value = float(apart.mean())
    return Interval(value, value - either, value + either)


def _scale(values: Floats, share: float, seed: int, expected: ToCome | None) -> Scale:
    """The E-T error of each image; values (networks, images)."""
    means = values.mean(axis=1, dtype=np.float64)
    order = np.argsort(means, kind="stable")
    count = len(order)
    best = np.clip(share * count - np.arange(count), 0.0, 1.0)  # of each network, what belongs to the best
    weights = np.empty(count)
    weights[order] = (1 / count + best / (share * count)) / 2
    drawn = spread(means[order], share, seed)
    if expected is not None:
        drawn = hypot(drawn, expected.doubt(np.pad(weights, (0, len(expected.plane) - count))))
    return Scale(tuple((weights @ values).tolist()), drawn)
