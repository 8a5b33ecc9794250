"""Races: a network that cannot reach another one is left before all images are spent on it.

Network c is compared with network t, of which every answer is known, on the same images in one fixed order that
mixes the classes. An image counts x ≥ 0 against c and y ≥ 0 against t (cross-entropy, or one where it is told
wrong). The hypothesis: over all N images c is at least as good, Σx ≤ Σy. Then the differences d = x − y are drawn
without replacement from N numbers whose sum is at most 0; after n − 1 of them, of sum S, those left have a mean of
at most m = −S / (N − n + 1). Who holds K and bets on the next difference has after it

    K · (1 + λ (d − m)),   0 ≤ λ ≤ ½ / (Y + m),

where λ is chosen before d is seen and Y is the largest y left. Since x ≥ 0, d ≥ −Y: the wealth stays above half of
K and never below 0, whatever the losses; nothing is clipped. Its mean under the hypothesis is at most K, so
by Ville's inequality it ever comes to 1 / α with a probability of at most α, at whichever images one looks
(Waudby-Smith & Ramdas, 2020, *Confidence sequences for sampling without replacement*). c is left when it does. The
proof, and how the risk is shared out, is in docs/search.md.
"""

from __future__ import annotations

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from spacelang.recipe import Score

Real = NDArray[np.float64]

RISK = 1e-3  # that a search ends with other parents than one that scores everything in full
PRIOR = 4.0  # differences, of variance 1, that the first bets are made by


@frozen(eq=False)
class Race:
    """What a network must reach. rival: what each image counts against the network that it is compared with, all of
    them. score: by what. looks: after how many images it is compared. risk: of leaving one that is as good."""

    rival: Real
    score: Score
    looks: tuple[int, ...]
    risk: float

    def lost(self, errors: Real) -> bool:
        """Whether a network against which the first images count so much is left."""
        seen = len(errors)
        if errors.sum() > self.rival.sum():  # not even where every image to come counts nothing
            return True
        return seen > 0 and bool(wealth(self.rival, errors).max() >= -np.log(self.risk))


def wealth(rival: Real, errors: Real) -> Real:
    """The logarithm of the wealth after each of the first images, [len(errors)].

    The bet is that on a normal variable of the mean and the variance seen so far.
    """
    images, seen = len(rival), len(errors)
    differences = errors - rival[:seen]
    before = np.concatenate([[0.0], np.cumsum(differences)[:-1]])
    squares = np.concatenate([[0.0], np.cumsum(differences**2)[:-1]])
    done = np.arange(seen)
    least = -before / (images - done)
    most = np.maximum.accumulate(rival[::-1])[::-1][:seen]
    mean = before / np.maximum(done, 1)
    variance = np.maximum((squares + PRIOR) / (done + PRIOR) - mean**2, 1e-6)
    edge = mean - least
    room = most + least
    with np.errstate(divide="ignore"):
        limit = np.where(room > 0, 0.5 / room, np.inf)
    bets = np.clip(edge / (variance + edge**2), 0.0, limit)
    return np.cumsum(np.log1p(bets * (differences - least)))
