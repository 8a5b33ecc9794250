"""The E-T error of a set of networks: half of what is to be expected of one, half of what the best promise.

    Q = (Q_e + Q_t) / 2,  Q_e = the mean error,  Q_t = the mean error of the best  (§2.3 of the source)

The source takes the best 50 of N = 1000. Here the best are a *share* of the networks, top / samples, because
Q_t is also asked of the networks that have a choice, and of these there are more of one choice than of another:
the mean of the best 50 among 60 is nearly their mean, the mean of the best 50 among 900 is far out in their
tail, so with a fixed number the slope of a dimension would follow how often its choices are drawn. The mean of
the best share (for shares that fall between two networks, the next one counts in part) is the same quantity
however many there are, and of a weighted set too.
"""

from __future__ import annotations

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

Real = NDArray[np.float64]


@frozen(eq=False)
class ErrorParts:
    """Q_e, Q_t and Q of several weighted sets of the same networks, one entry each; NaN where a set is empty."""

    mean: Real
    top: Real

    @property
    def error(self) -> Real:
        return (self.mean + self.top) / 2


def parts(errors: Real, weights: Real, share: float) -> ErrorParts:
    """The E-T errors of weighted sets. errors (n,), ascending. weights (sets, n), not negative. share: of the
    weight
    of a set, how much the best are, above 0 and at most 1."""
    total = weights.sum(axis=1)
    best = share * total
    before = np.cumsum(weights, axis=1)
    before -= weights
    counted = np.clip(best[:, None] - before, 0.0, weights)  # of each network, what belongs to the best
    with np.errstate(invalid="ignore", divide="ignore"):
        return ErrorParts(weights @ errors / total, counted @ errors / best)
