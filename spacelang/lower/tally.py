"""The exact number of genotypes inside windows: the sum over queries of what completes them."""

from __future__ import annotations

from spacelang.lower.chain import Bounds, Chain
from spacelang.lower.frame import frame
from spacelang.lower.meeting import boxes, digits, meeting, parts, weight_of
from spacelang.lower.pattern import Pattern
from spacelang.lower.plane import mass
from spacelang.lower.product import product
from spacelang.lower.tall import counted, deep, kinds
from spacelang.lower.terms import Law, terms


def tally(chain: Chain, bounds: Bounds, pattern: Pattern) -> int:
    """The exact number of genotypes inside every window that agree with a pattern."""
    found = frame(terms(chain), pattern, bounds)
    if found is None:
        return 0
    if deep(found) and (tall := kinds(found, Law.UNIFORM)) is not None:
        return counted(found, tall[1])
    met = meeting(found, Law.UNIFORM, exact=True)
    total = 0
    for power, sides in digits(met.data):
        for part in parts(met):
            weight = weight_of(met, part)
            for side, low, high in boxes(met, sides, part):
                total += product(weight, mass(side, low, high)) << power
    return total
