"""The networks that two spaces have in common, and one that only the first has.

A network lies in one place of each space. So what two spaces share is a chain again, whose cells are the pairs of
cells of one shape with the layers that both have, and what is counted of it is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from spacelang.architecture import Layer, Stage
from spacelang.lower.cells import Charge, Legal
from spacelang.lower.chain import Cell, Chain, LayerOption, Limit, joint
from spacelang.lower.count import count
from spacelang.lower.pattern import Pattern

Pairs = tuple[tuple[tuple[int, int], ...], ...]  # by stage: a cell of the first space, and one of the second


def plain(legal: Legal) -> bool:
    """Whether all rows of cells that go together, with any of their options, are networks, and each is one row."""
    return not legal.totals and not legal.roots and not any(cell.tied for cells in legal.stages for cell in cells)


def only(one: Legal, other: Legal) -> tuple[Stage, ...] | None:
    """The stages of a network that the first of two spaces of equally many stages has and the second has not."""
    own = alone(one)
    whole, both = (_chain(one, one, own), own), _shared(one, other)
    if not _differ(whole, both, [None] * len(own), [()] * len(own)):
        return None
    cells: list[int | None] = [None] * len(own)
    layers: list[tuple[Layer, ...]] = [()] * len(own)
    for t, stage in enumerate(one.stages):
        cells[t] = next(
            i for i in range(len(stage)) if _differ(whole, both, [*cells[:t], i, *cells[t + 1 :]], layers)
        )
        found = stage[cells[t]]  # type: ignore[index]
        for _ in range(found.depth):
            layers[t] = next(
                tried
                for option in found.options
                if _differ(whole, both, cells, [*layers[:t], tried := (*layers[t], option), *layers[t + 1 :]])
            )
    return tuple(
        Stage(stage[index].embed, block)  # type: ignore[index]
        for stage, index, block in zip(one.stages, cells, layers, strict=True)
    )


def alone(one: Legal) -> Pairs:
    """The cells of a space, each paired with itself."""
    return tuple(tuple((i, i) for i in range(len(cells))) for cells in one.stages)


def networks(one: Legal) -> int:
    """How many networks a space holds, its totals kept."""
    return count(_chain(one, one, alone(one))) if all(one.stages) else 0


def _shared(one: Legal, other: Legal) -> tuple[Chain, Pairs] | None:
    pairs = tuple(
        tuple(
            (i, j)
            for i, left in enumerate(mine)
            for j, right in enumerate(its)
            if (left.depth, left.embed) == (right.depth, right.embed) and set(left.options) & set(right.options)
        )
        for mine, its in zip(one.stages, other.stages, strict=True)
    )
    return (_chain(one, other, pairs), pairs) if all(pairs) else None


def _chain(one: Legal, other: Legal, pairs: Pairs) -> Chain:
    """The networks that lie in some of these pairs of cells, with the totals of both."""
    totals: list[tuple[int, Charge]] = [(0, charge) for charge in one.totals]
    totals += [(1, charge) for charge in other.totals] if other is not one else []
    stages = []
    for t, stage in enumerate(pairs):
        cells = []
        for pair in stage:
            left, right = one.stages[t][pair[0]], other.stages[t][pair[1]]
            places = [{layer: at for at, layer in enumerate(cell.options)} for cell in (left, right)]
            options = tuple(
                LayerOption(
                    (layer,),
                    tuple(charge.layers[t][pair[side]][places[side][layer]] for side, charge in totals),
                )
                for layer in left.options
                if layer in places[1]
            )
            own = tuple(charge.cells[t][pair[side]] for side, charge in totals)
            cells.append(Cell(left.depth, left.embed, own, options))
        stages.append(tuple(cells))
    none = (0,) * len(totals)
    joints = []
    for t, (before, after) in enumerate(pairwise(pairs)):
        met = {
            (p, q): none
            for p, (i, j) in enumerate(before)
            for q, (k, m) in enumerate(after)
            if (i, k) in one.links[t] and (j, m) in other.links[t]
        }
        joints.append(joint(met, len(before), len(after)))
    names = [f"{side} {charge.name}" for side, charge in totals]
    limits = tuple(
        Limit(name, charge.window, charge.stage) for name, (_, charge) in zip(names, totals, strict=True)
    )
    return Chain(tuple(names), tuple(stages), tuple(joints), limits=limits)


def _differ(
    whole: tuple[Chain, Pairs],
    both: tuple[Chain, Pairs] | None,
    cells: Sequence[int | None],
    layers: Sequence[tuple[Layer, ...]],
) -> bool:
    """Whether networks with these cells of the first space, and these layers, are missing from the second."""
    counted = [0 if found is None else _count(*found, cells, layers) for found in (whole, both)]
    return counted[0] > counted[1]


def _count(chain: Chain, pairs: Pairs, cells: Sequence[int | None], layers: Sequence[tuple[Layer, ...]]) -> int:
    kept = tuple(
        tuple(at for at, (i, _) in enumerate(stage) if index in (None, i))
        for stage, index in zip(pairs, cells, strict=True)
    )
    # A layer that a cell lacks would be free there: such cells are left out.
    kept = tuple(
        tuple(at for at in stage if set(block) <= {option.key[0] for option in chain.stages[t][at].options})
        for t, (stage, block) in enumerate(zip(kept, layers, strict=True))
    )
    if not all(kept):
        return 0
    keys = tuple(tuple((layer,) for layer in block) for block in layers)
    return count(chain, None, Pattern(kept, keys))
