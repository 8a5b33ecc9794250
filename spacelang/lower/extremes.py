"""How small and how large: the extreme architectures of a space, by a sum of least or greatest parts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache

from spacelang.lower.chain import EVERY, Chain, CostVector, Genotype, LayerOption


def smallest(chain: Chain, by: Sequence[str] = ("flops", "params")) -> Genotype | None:
    """The genotype with the least of `by[0]`, then of `by[1]`, ..., then the first in canonical order.

    None if the links leave no genotype.
    """
    return _extreme(chain, tuple(by), 1)


def largest(chain: Chain, by: Sequence[str] = ("flops", "params")) -> Genotype | None:
    """The genotype with the most of `by[0]`, then of `by[1]`, ..., then the first in canonical order."""
    return _extreme(chain, tuple(by), -1)


@lru_cache(maxsize=16)
def _extreme(chain: Chain, by: tuple[str, ...], sign: int) -> Genotype | None:
    """The least genotype by the signed measures: costs add up, and so does their lexicographic order."""
    axes = [chain.measures.index(name) for name in by]

    def seen(cost: CostVector) -> CostVector:
        return tuple(sign * cost[axis] for axis in axes)

    if any(limit.window != EVERY for limit in chain.limits):
        from spacelang.lower.knapsack import best  # most spaces have no totals, and need not wait for it

        return best(chain, seen)

    def plus(*costs: CostVector) -> CostVector:
        return tuple(map(sum, zip(*costs, strict=True)))

    @cache
    def first_best(options: tuple[LayerOption, ...]) -> int:
        return min(range(len(options)), key=lambda option: seen(options[option].cost))

    ahead: list[
        dict[int, CostVector]
    ] = []  # from each cell that the end can be reached from: the best from there on
    for t in reversed(range(len(chain.stages))):
        here: dict[int, CostVector] = {}
        after: dict[int, CostVector] = {}  # the best by class at the joint ahead
        joint = chain.joints[t] if t < len(chain.joints) else None
        if joint is not None:
            for label, row in enumerate(joint.table):
                onward = [
                    plus(seen(link.cost), value)
                    for j, value in ahead[0].items()
                    if (link := row[joint.right[j]]) is not None
                ]
                if onward:
                    after[label] = min(onward)
        for index, cell in enumerate(chain.stages[t]):
            layer = seen(cell.options[first_best(cell.options)].cost)
            own = plus(seen(cell.cost), tuple(cell.depth * value for value in layer))
            if joint is None:
                here[index] = own
            elif joint.left[index] in after:
                here[index] = plus(own, after[joint.left[index]])
        ahead.insert(0, here)
    if not ahead[0]:
        return None
    cells: list[int] = []
    for t, here in enumerate(ahead):
        link_cost = {index: (0,) * len(axes) for index in here}
        if t:
            met = {index: chain.joints[t - 1].link(cells[-1], index) for index in here}
            link_cost = {index: seen(link.cost) for index, link in met.items() if link is not None}
        cells.append(min(link_cost, key=lambda index: (plus(here[index], link_cost[index]), index)))
    chosen = [stage[index] for stage, index in zip(chain.stages, cells, strict=True)]
    return Genotype(tuple(cells), tuple((first_best(cell.options),) * cell.depth for cell in chosen))
