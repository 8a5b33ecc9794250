"""Successive halving: everybody is looked at on a few images, the best part of them on twice as many, and so on.

A network goes on from a rung where it is in the best part of all that the search has seen on that rung so far
(the rule of ASHA: Li et al., 2020, *A system for massively parallel hyperparameter tuning*, applied to whole
generations). Everybody is seen on the same first images, so what is compared is paired. Networks that went farther
rank before those that did not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

FIRST = 96  # images that everybody is looked at on
TOP = 384  # and the most, before the finalists
KEPT = 0.3  # the part that goes on


def rungs(images: int) -> tuple[int, ...]:
    """After how many images a generation is parted: 96, 192 and 384; where there are no more than that, the last is
    all of them."""
    found = [FIRST * 2**k for k in range(3) if FIRST * 2**k < images]
    return tuple(found) if images > TOP else (*found, images)


def going_on(names: Sequence[str], seen: Mapping[str, float]) -> list[str]:
    """Who of these goes on from a rung: those in the best part of all `seen` there, by what counts against each; of
    equals, all. At least one network of all seen is in it."""
    ordered = sorted(seen.values())
    limit = ordered[max(1, round(KEPT * len(ordered))) - 1]
    return [name for name in names if seen[name] <= limit]
