"""The exact number of genotypes inside windows: the sum over queries of what completes them."""

from __future__ import annotations

from spacelang.lower.bounded_chain import bounded_chain
from spacelang.lower.chain import Bounds, Chain
from spacelang.lower.convolution import cell_classes, counted, deep
from spacelang.lower.meet_in_the_middle import boxes, digits, meet_in_the_middle, parts, weight_of
from spacelang.lower.pattern import Pattern
from spacelang.lower.product import product
from spacelang.lower.range_tree import mass
from spacelang.lower.terms import Law, terms


def tally(chain: Chain, bounds: Bounds, pattern: Pattern) -> int:
    """The exact number of genotypes inside every window that agree with a pattern."""
    bounded = bounded_chain(terms(chain), pattern, bounds)
    if bounded is None:
        return 0
    if deep(bounded) and (classes := cell_classes(bounded, Law.UNIFORM)) is not None:
        return counted(bounded, classes[1])
    halves = meet_in_the_middle(bounded, Law.UNIFORM, exact=True)
    total = 0
    for power, sides in digits(halves.data):
        for part in parts(halves):
            weight = weight_of(halves, part)
            for side, low, high in boxes(halves, sides, part):
                total += product(weight, mass(side, low, high)) << power
    return total
