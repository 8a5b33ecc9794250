"""A training for networks of one's own budget: its recipe, bounded."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import attrs

from spacelang.api.measures import Amount, Measures, none_inside
from spacelang.check.bounds import joined, standing
from spacelang.language.train import Train
from spacelang.lower.bounds import windows
from spacelang.lower.chain import inside
from spacelang.lower.draw import draw, stream

if TYPE_CHECKING:
    from spacelang.lower.lowered import Lowered


def bounded(
    lowered: Lowered, recipe: Train, named: Mapping[str, Amount | None], written: Collection[str] = ()
) -> Train:
    """The recipe for networks inside bounds, as docs/learning.md measured it: `require` in `train` on each measure
    that is named, instead of the recipe's own on it; a random network in the place of an end of the space that
    lies outside; and random ones drawn evenly over MACs, where these are bounded. written: lines of the recipe
    that the caller has given, which stay.

    Raises `NotABound` for what is none, and `Failure` where no network is inside.
    """
    given = Measures().bounds(lowered.chain, named)
    if not given:
        return recipe
    bounds = joined([*standing(recipe.bounds, given), *given])
    mix, kept = recipe.sandwich, windows(bounds, lowered.chain)
    if not any(True for _ in draw(lowered.chain, 1, stream(0), bounds=kept)):
        raise none_inside(lowered.space.name, lowered.chain, kept, Measures())
    if "sandwich" not in written:
        ends = {"largest": lowered.largest, "smallest": lowered.smallest}
        out = [kind for kind, end in ends.items() if not inside(lowered.chain, lowered.genotype(end), kept)]
        mix = mix.without(out)
    evenly = any(bound.measure == "flops" for bound in given) and "sampling" not in written
    return attrs.evolve(recipe, bounds=bounds, sandwich=mix, sampling="flops" if evenly else recipe.sampling)


def in_words(recipe: Train) -> str:
    """In a line, which networks a bounded training is for."""
    evenly = ", drawn evenly over MACs" if recipe.sampling == "flops" else ""
    return f"for networks of {' and '.join(map(str, recipe.bounds))}: {recipe.sandwich}{evenly}"
