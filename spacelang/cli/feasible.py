"""Whether any network of a space meets bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spacelang.cli.measures import Measures, nearest_known
from spacelang.cli.terminal import fail
from spacelang.recipe import Bound

if TYPE_CHECKING:
    from spacelang.lower.lowered import Lowered


def feasible(lowered: Lowered, asked: tuple[Bound, ...], measures: Measures) -> None:
    """Refuse bounds that no network meets: with what the closest network spends, and the values that can be met."""
    from spacelang.check.spending import Near, ends, unmet
    from spacelang.lower.bounds import nearest, windows
    from spacelang.lower.draw import draw, stream

    bounds = windows(asked, lowered.chain)
    if len(draw(lowered.chain, 1, stream(0), bounds=bounds)):
        return
    if measures.tables:
        name, wanted = lowered.space.name, " and ".join(map(measures.within, asked))
        fail(f"no network of {name} has {wanted}", nearest_known(lowered.chain, bounds, measures))
    near = {bound.measure: nearest(lowered.chain, bound.measure, bounds) for bound in asked}
    known = {measure: Near(found.below, found.above) for measure, found in near.items()}
    refusal = unmet(asked, known, ends(lowered.space, lowered.legal))
    fail(refusal.message, "\n".join((refusal.help, *refusal.notes)))
