"""Errors of networks by their losses: a finer ruler than errors counted, in the same unit."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from spacelang.refinement.error import Real

Floats = NDArray[np.floating[Any]]  # of single precision where many are held


@frozen(eq=False)
class PerImageScores:
    """What networks do on images, (networks, images) each. losses: cross-entropy in nats. wrong: 1 where the image
    was told wrong."""

    losses: Floats
    wrong: Floats

    def first(self, networks: int) -> PerImageScores:
        """Those of the first networks."""
        return PerImageScores(self.losses[:networks], self.wrong[:networks])


@frozen
class RegressionLine:
    """The least-squares line of error on loss over some networks. slope: error per nat; 0 or less where losses do
    not differ, or rise where errors fall."""

    slope: float
    loss: float
    error: float

    def at(self, losses: Real) -> Real:
        """The errors that losses stand for."""
        return self.error + self.slope * (losses - self.loss)


def line(losses: Real, errors: Real) -> RegressionLine:
    """The line through networks' mean losses and errors."""
    apart = losses - losses.mean()
    slope = float(apart @ errors) / (float(apart @ apart) or 1.0)
    return RegressionLine(slope, float(losses.mean()), float(errors.mean()))


def smoothed(told: PerImageScores, expected: PerImageScores | None = None) -> Real:
    """The error that the loss of each network stands for: on the least-squares line of error on loss over them all.

    It has the unit and the mean of the errors counted, and less of the luck of which images were held out: two
    networks differ by their losses far more surely than by what they tell right. Where there is no line that rises,
    the errors are those counted. expected: of the same networks; their errors, on the line of those told.
    """
    shown = expected or told
    errors: Real = told.wrong.mean(axis=1, dtype=np.float64)
    through = line(told.losses.mean(axis=1, dtype=np.float64), errors)
    if through.slope <= 0:
        counted: Real = shown.wrong.mean(axis=1, dtype=np.float64)
        return counted
    return through.at(shown.losses.mean(axis=1, dtype=np.float64))
