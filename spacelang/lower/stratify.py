"""Draws spread over a measure: as many from each stretch of it."""

from __future__ import annotations

from spacelang.lower.bounds import span
from spacelang.lower.chain import Bounds, Chain, Genotype, Window
from spacelang.lower.draw import Stream, sample
from spacelang.lower.histogram import strata
from spacelang.lower.pattern import free
from spacelang.lower.sampling_table import new_sampling_table
from spacelang.lower.terms import Law


def stratified(
    chain: Chain,
    count: int,
    source: Stream,
    *,
    parts: int,
    measure: str = "flops",
    law: Law = Law.RANDOM,
    bounds: Bounds | None = None,
) -> tuple[Genotype, ...]:
    """`count` draws from `law`, shared out evenly over `parts` equal stretches of a measure that hold anything.

    The stretches span what the measure reaches inside `bounds`; the first ones take what does not divide.
    Empty where nothing lies inside.
    """
    bounds = bounds or {}
    whole = span(chain, measure, bounds)
    own = bounds.get(measure, whole)
    if whole is None or own is None:
        return ()
    inside = Window(max(whole.lo, own.lo), min(whole.hi, own.hi))
    stretches = strata(inside, parts) if inside.lo <= inside.hi else ()
    others = {name: window for name, window in bounds.items() if name != measure}
    tables = [
        new_sampling_table(chain, free(chain), tuple({**others, measure: stretch}.items()), law)
        for stretch in stretches
    ]
    held = [one for one in tables if one is not None]
    drawn: list[Genotype] = []
    for number, one in enumerate(held):
        drawn += sample(one, (count + len(held) - 1 - number) // len(held), source)
    return tuple(drawn)
