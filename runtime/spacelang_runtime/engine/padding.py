"""Which matrices share a batch of products, the smaller ones padded with zeros.

The matrices of a supernet have a dozen different sides, those of a network alone twenty, and starting a product of
a few small ones takes a GPU longer than making it. Rows and columns of zeros stay zeros and change no other entry,
so that matrices of unlike sides may go together; those are joined first where it costs the fewest operations.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

MORE = 1.25  # at most so many times the operations that there are without zeros

Sides = tuple[int, int]  # the shorter and the longer one


def padded(counts: Mapping[Sides, int]) -> dict[Sides, Sides]:
    """The sides that matrices are padded to. counts: how many there are of which sides."""
    counts, batches = dict(counts), {sides: [sides] for sides in counts}
    left = (MORE - 1) * sum(work(sides, count) for sides, count in counts.items())
    while len(batches) > 1:
        cost, first, second = min((joining(counts, *pair), *pair) for pair in combinations(sorted(batches), 2))
        if cost > left:
            break
        left -= cost
        sides = joined(first, second)
        count, members = counts.pop(first) + counts.pop(second), batches.pop(first) + batches.pop(second)
        counts[sides] = counts.get(sides, 0) + count
        batches[sides] = batches.get(sides, []) + members
    return {own: sides for sides, members in batches.items() for own in members}


def work(sides: Sides, count: int) -> int:
    """Multiplications of a step of Newton-Schulz (`newton_schulz`): two products with the longer side, one
    without."""
    shorter, longer = sides
    return count * shorter**2 * (2 * longer + shorter)


def joined(first: Sides, second: Sides) -> Sides:
    """The least sides that hold both."""
    return max(first[0], second[0]), max(first[1], second[1])


def joining(counts: Mapping[Sides, int], first: Sides, second: Sides) -> int:
    """What it costs to pad two batches to the same sides."""
    apart = work(first, counts[first]) + work(second, counts[second])
    return work(joined(first, second), counts[first] + counts[second]) - apart
