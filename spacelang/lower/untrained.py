"""What lies beyond the part of a space that its supernet was trained in: bounds, and the largest network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from spacelang.lower.bounds import measured, windows
from spacelang.lower.chain import EVERY, Chain, cost, inside
from spacelang.lower.extremes import largest, smallest
from spacelang.lower.lowered import existing
from spacelang.recipe import Bound, Train

FLAGS = ("flops", "params")  # measures that evolve, judge and refine have a flag for


def untrained(trained: Sequence[Bound], asked: Sequence[Bound], chain: Chain) -> Iterator[str]:
    """A line for each bound of a training that bounds asked for on the same measure do not keep networks inside.

    What another measure keeps them inside is not looked for: it takes as long as counting. trained: the bounds of
    the recipe that the supernet was trained by.
    """
    given = windows(asked, chain)
    for bound in trained:
        for measure, kept in windows((bound,), chain).items():
            if measure not in measured(chain, bound.measure):
                continue  # of a total that the space searched does not tell
            own, at = given.get(measure, EVERY), chain.measures.index(measure)
            least, most = (cost(chain, existing(end(chain, (measure,))))[at] for end in (smallest, largest))
            if max(own.lo, least) < kept.lo or min(own.hi, most) > kept.hi:
                wide = [str(one) for one in asked if one.measure == bound.measure]
                why = (
                    f"{' and '.join(wide)} reaches"
                    if wide
                    else f"without a bound on {bound.measure} networks reach"
                )
                yield (
                    f"warning: the supernet was trained inside {bound}, and {why} beyond: "
                    f"give one inside{_flag(bound)}, or train without it"
                )
                break


def largest_untrained(recipe: Train, chain: Chain) -> str | None:
    """What is to be said of a supernet's largest network as a teacher, or as a beginning, where a training by
    this recipe never runs it; else None."""
    if recipe.sandwich.largest:
        return None
    whole = existing(largest(chain))
    kept = [bound for bound in recipe.bounds if measured(chain, bound.measure)]
    broken = [str(bound) for bound in kept if not inside(chain, whole, windows((bound,), chain))]
    if not broken:
        return None
    return (
        f"the largest network was never trained: the supernet was trained inside {' and '.join(broken)}, where it "
        "is not, and the sandwich does not name it"
    )


def _flag(bound: Bound) -> str:
    if bound.measure not in FLAGS:
        return ""
    low, high = ("" if end is None else bound.shown(end) for end in (bound.low, bound.high))
    return f" (--{bound.measure} {f'{low}..{high}' if low else high})"
