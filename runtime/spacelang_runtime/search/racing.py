"""Races: a candidate that cannot reach the parents' set is left before all images are spent on it.

Candidate c and the weakest parent t are compared on the same images, in one fixed order that mixes the classes.
After n of them, t alone is right on b, c alone on a; on the others they agree and say nothing. c is left where this
would hardly happen to a network that tells as many of all the images right as t does.

Were c at least as good as t on all images, at most half of those on which they differ would speak for t. The b
that do among the m = a + b seen so far are then a draw without replacement from a population of which at most half
count, so P(at least b) ≤ P(Bin(m, ½) ≥ b): the sign test, exact. The proof, and why the risks of all looks at all
candidates of a search add up to the stated one, is in docs/search.md.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

Right = NDArray[np.bool_]  # one entry an image, in order: whether it was told right

RISK = 1e-3  # that a search ends with other parents than one that scores everything in full


@frozen(eq=False)
class Race:
    """What a candidate must reach. weakest: what the weakest parent told right of all images. looks: after how many
    images a candidate is compared. risk: of one look."""

    weakest: Right
    looks: tuple[int, ...]
    risk: float

    def lost(self, right: Right) -> bool:
        """Whether a candidate that did so on the first images cannot reach all of what the weakest parent did."""
        seen = len(right)
        behind = int((self.weakest[:seen] & ~right).sum())
        ahead = int((~self.weakest[:seen] & right).sum())
        if behind - ahead > len(self.weakest) - seen:  # not even with every image to come in its favour
            return True
        return unlikely(behind, ahead, self.risk)


def unlikely(behind: int, ahead: int, risk: float) -> bool:
    """Whether P(Bin(behind + ahead, ½) ≥ behind) is at most `risk`, in exact arithmetic."""
    if behind <= ahead:
        return False
    differing = behind + ahead
    ways = term = 1  # over k heads or more of so many tosses, from k = differing down to k = behind
    for heads in range(differing, behind, -1):
        term = term * heads // (differing - heads + 1)
        ways += term
    limit = Fraction(risk)
    return ways * limit.denominator <= limit.numerator << differing


def looks(images: int, batch: int) -> tuple[int, ...]:
    """After how many images a race is looked at, before all: from one batch on, twice as many each time.

    Whole batches, so that a network is computed on the same batches whether it races or not.
    """
    found = []
    seen = batch
    while seen < images:
        found.append(seen)
        seen *= 2
    return tuple(found)
