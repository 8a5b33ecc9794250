"""How many genotypes there are, in all and inside windows: exact integers."""

from __future__ import annotations

from spacelang.lower.chain import EVERY, Bounds, Chain
from spacelang.lower.pattern import Pattern, free
from spacelang.lower.terms import places, terms


def count(chain: Chain, bounds: Bounds | None = None, pattern: Pattern | None = None) -> int:
    """The exact number of genotypes inside every window of `bounds` that agree with `pattern`."""
    pattern = pattern or free(chain)
    if not bounds and not any(limit.window != EVERY for limit in chain.limits):
        return total(chain, pattern)
    from spacelang.lower.tally import tally  # numpy, on use

    return tally(chain, bounds or {}, pattern)


def total(chain: Chain, pattern: Pattern) -> int:
    """The exact number of genotypes that agree with a pattern: a sum over cells, no table of costs."""
    known = terms(chain)
    ways: dict[int, int] = {}
    for t in range(len(chain.stages)):
        totals: dict[int, int] = {}
        for place in places(known, pattern, t):
            before = 1
            if t:
                table = chain.joints[t - 1].table
                met = chain.joints[t - 1].right[place.cell]
                before = sum(number for label, number in ways.items() if table[label][met] is not None)
            label = chain.joints[t].left[place.cell] if t < len(chain.joints) else 0
            totals[label] = totals.get(label, 0) + before * place.ways
        ways = totals
    return sum(ways.values())
