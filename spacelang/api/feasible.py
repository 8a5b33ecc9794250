"""Whether any network of a space meets bounds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from spacelang.api.measures import LABELS, Measures, nearest_known
from spacelang.recipe import Bound
from spacelang_runtime.failure import Failure

if TYPE_CHECKING:
    from spacelang.lower.lowered import Lowered


def idle(lowered: Lowered, asked: Sequence[Bound], measures: Measures) -> Iterator[str]:
    """What to tell of the bounds that every network of a space meets, a line each."""
    for bound in asked:
        if bound.measure not in lowered.chain.costs:
            continue
        whole = lowered.range(bound.measure)
        if (bound.low is None or bound.low <= whole.lo) and (bound.high is None or whole.hi <= bound.high):
            ends = " to ".join(measures.short(bound.measure, end) for end in (whole.lo, whole.hi))
            name = LABELS.get(bound.measure, bound.measure)
            yield f"the bound on {name} leaves nothing out: the networks of {lowered.space.name} have {ends}"


def feasible(lowered: Lowered, asked: tuple[Bound, ...], measures: Measures) -> None:
    """Refuse bounds that no network meets: `Failure` says what the closest network spends, and what can be met."""
    from spacelang.check.spending import Near, ends, unmet
    from spacelang.lower.bounds import nearest, windows
    from spacelang.lower.draw import draw, stream

    bounds = windows(asked, lowered.chain)
    if len(draw(lowered.chain, 1, stream(0), bounds=bounds)):
        return
    if measures.tables:
        name, wanted = lowered.space.name, " and ".join(map(measures.within, asked))
        raise Failure(f"no network of {name} has {wanted}", nearest_known(lowered.chain, bounds, measures))
    near = {measure: nearest(lowered.chain, measure, bounds) for measure in bounds}
    known = {
        measure: Near(*(None if end is None else measures.of(measure, end) for end in (found.below, found.above)))
        for measure, found in near.items()
    }
    refusal = unmet(asked, known, ends(lowered.space, lowered.legal))
    raise Failure(refusal.message, "\n".join((refusal.help, *refusal.notes)))
