"""What a word of the language may be."""

from __future__ import annotations

from fractions import Fraction

from attrs import frozen

from spacelang.expression import Number, decimal

LARGEST = 10**7  # no dimension of a network comes near it
MOST_OPTIONS = 1000  # of a dimension
DEEPEST = 1000  # layers of a stage


@frozen
class Numbers:
    """The numbers from `low` to `high`, both included; of a `positive` domain, those more than 0. whole: whether
    fractions are left out. word: what else it may be."""

    low: Number
    high: Number
    whole: bool = False
    positive: bool = False
    word: str | None = None

    def __contains__(self, value: object) -> bool:
        if not isinstance(value, (int, Fraction)):  # a word, which is in no domain
            return False
        above = value > 0 if self.positive else value >= self.low
        return above and value <= self.high and not (self.whole and value.denominator != 1)

    def __str__(self) -> str:
        if self.positive and not self.whole:
            return f"a number more than 0, up to {decimal(self.high)}"
        kind = "a whole number" if self.whole else "a number"
        return f"{kind} from {decimal(self.low)} to {decimal(self.high)}"


@frozen
class OneOf:
    """One of a few words."""

    words: tuple[str, ...]


@frozen
class SumOf:
    """A sum of some of these words."""

    words: tuple[str, ...]


Domain = Numbers | OneOf | SumOf
WHOLE = Numbers(1, LARGEST, whole=True)
COUNT = Numbers(1, 10**9, whole=True)
AMOUNT = Numbers(0, 10**9)
SHARE = Numbers(0, 1)
SEED = Numbers(0, 2**32 - 1, whole=True)
MANY = Numbers(1, 10**6, whole=True)
SOME = Numbers(0, 10**6, whole=True)
