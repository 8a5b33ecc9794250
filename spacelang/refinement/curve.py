"""What a supernet has still to learn: the rest of its learning curve, from shorter trainings of the same space.

A slope compares networks of one supernet as it is when its training ends. Networks that learn slowly (wide and deep
ones do) are then farther from where they would end, so a slope mistakes a part of speed for quality. How much can
be measured: train the space for a half and for a quarter of the length as well, each by its own full schedule.

**The law.** Let network i lose a_i + g_i · t^(−p) after a training of length t: a_i is its quality, g_i its gap, p
belongs to the data and the recipe (a power law of the training's length, as Hestness et al., 2017,
arXiv:1712.00409, and Kaplan et al., 2020, arXiv:2001.08361, find for single networks). Each doubling of t leaves
the share r = 2^(−p) of every gap. So with the mean losses q, h, w after T/4, T/2, T,

    r = (h − w) / (q − h),

and what network i still has to fall is the geometric series of its own last fall,

    f_i · (r + r² + …) = f_i · r / (1 − r),  f_i = h_i − w_i,

Aitken's extrapolation with r taken over all networks. The falls are each network's own: that is the correction. But
the fall of one network is noisy, being the difference of two trainings, and multiplied. What is wanted of it is
how it follows width and depth; so f_i is what an additive model says, the least-squares plane over the networks'
options (of each stage, in steps), and how sure its coefficients are goes into the intervals of the slopes.

r ≥ 2/3 (p ≤ 0.58) is not believed: so slow a curve would multiply the noise by more than two. Where the networks
do not fall by three standard errors of their mean, nothing is left to be learned.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import frozen

from spacelang.refinement.error import Real
from spacelang.refinement.ruler import Floats, PerImageScores
from spacelang.refinement.sample import Sample
from spacelang.refinement.subspace import Subspace

SLOWEST = 2 / 3  # of r
_SURE = 3.0  # standard errors


@frozen
class Curve:
    """rate: r, the share of a gap that is left after twice the training."""

    rate: float

    @property
    def factor(self) -> float:
        """What is still to be learned, in last falls: r / (1 − r)."""
        return self.rate / (1 - self.rate)


def curve(quarter: PerImageScores, half: PerImageScores, whole: PerImageScores) -> Curve:
    """The curve of the same networks after a quarter, a half and the whole of a training."""
    one, two, three = (of.losses.mean(axis=1, dtype=np.float64) for of in (quarter, half, whole))
    last, first = two - three, float((one - two).mean())
    if last.mean() <= _SURE * last.std(ddof=1) / np.sqrt(len(last)):
        return Curve(0.0)
    return Curve(SLOWEST if first <= 0 else min(SLOWEST, float(last.mean()) / first))


@frozen(eq=False)
class ToCome:
    """What networks are expected to do once all is learned. told: of each. doubts: by subspace, the standard
    deviation of the slope of what is taken off, in nats a step; plane, noise: of the falls' model, (networks,
    coefficients), and the standard deviation of what it leaves, in nats; both already multiplied by the curve's
    factor."""

    told: PerImageScores
    doubts: tuple[float, ...]
    plane: Real
    noise: float

    def doubt(self, weights: Real) -> float:
        """The standard deviation of what is taken off a weighted mean of the networks. weights (networks,)."""
        return self.noise * float(np.linalg.norm(weights @ self.plane))


def to_come(
    half: PerImageScores, whole: PerImageScores, along: Curve, samples: Sequence[Sample], parts: Sequence[Subspace]
) -> ToCome:
    """What networks are expected to do once all is learned, from what they did after the half and the whole of a
    training. parts: by which they differ."""
    options = np.array([[_mean(part, sample) for part in parts] for sample in samples]).reshape(len(samples), -1)
    design = np.column_stack([np.ones(len(samples)), options - options.mean(axis=0)])
    basis, scales, directions = np.linalg.svd(design, full_matrices=False)
    kept = scales > 1e-9 * scales[0]
    basis, back = basis[:, kept], directions[kept].T / scales[kept]  # coefficients = back @ basis.T @ falls

    def taken_off(before: Floats, after: Floats) -> Floats:
        falls = before.astype(np.float64) - after
        return after - along.factor * (basis @ (basis.T @ falls))

    falls = (half.losses - whole.losses).mean(axis=1, dtype=np.float64)
    rest = falls - basis @ (basis.T @ falls)
    noise = along.factor * float(np.sqrt(rest @ rest / max(1, len(falls) - basis.shape[1])))
    expected = PerImageScores(taken_off(half.losses, whole.losses), taken_off(half.wrong, whole.wrong))
    return ToCome(expected, tuple((noise * np.linalg.norm(back[1:], axis=1)).tolist()), basis, noise)


def _mean(part: Subspace, sample: Sample) -> float:
    """The mean of a stage's options, in steps."""
    shares = part.shares(sample.architecture)
    return sum(share * float(option / part.step) for share, option in zip(shares, part.options, strict=True))
