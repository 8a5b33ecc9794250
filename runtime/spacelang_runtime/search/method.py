"""How to search: the words of a search that its space and its recipe do not have."""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

from attrs import field, frozen

from spacelang.recipe import Score
from spacelang_runtime.search.algorithms import Algorithm
from spacelang_runtime.search.candidate import ACCURACY

PART = Fraction(4, 5)
FINALISTS = 8
RACING: tuple[Algorithm, ...] = ("paper", "random")  # by the best of everything scored, and by nothing else
HALVING: tuple[Algorithm, ...] = (*RACING, "predictor")

Spending = Literal["halving", "races", "full"]


@frozen
class Method:
    """How to search.

    goals: `accuracy`, then measures of which less is better. score: what ranks networks where accuracy is the one
    goal. risk: networks race on all images that may be read, and the outcome is with this probability not that of
    scoring all of them in full; None: they do not race. exact: every network is scored in full. Neither: by
    successive halving, where the algorithm allows it. budget: how many different networks to score; None: as the
    recipe says. part: of the held-out images, what the search may read. finalists: how many of the best are looked
    at on all of these.
    """

    algorithm: Algorithm = "predictor"
    goals: tuple[str, ...] = (ACCURACY,)
    score: Score = "loss"
    risk: float | None = None
    exact: bool = False
    budget: int | None = None
    part: Fraction = field(default=PART)
    finalists: int = FINALISTS

    @property
    def spending(self) -> Spending:
        """How images are spent on the networks of a generation."""
        if self.exact or len(self.goals) > 1:
            return "full"
        if self.risk is not None and self.algorithm in RACING:
            return "races"
        return "halving" if self.algorithm in HALVING else "full"

    def readable(self, images: int) -> int:
        """How many of the held-out images the search may read: the first ones, in the order in which they come."""
        return max(1, round(self.part * images))
