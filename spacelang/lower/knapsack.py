"""The extreme genotypes of a chain whose totals have windows: a multiple-choice knapsack.

Costs add up, and so do totals: the best of all that comes to the same totals is the best whatever follows. So each
run of stages keeps, for every row of totals that it can come to, what it costs at best.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import add

from attrs import frozen

from spacelang.lower.chain import EVERY, Cell, Chain, CostVector, Genotype, LayerOption, Limit

Row = tuple[int, ...]  # of totals
BestCosts = dict[Row, CostVector]
Tables = dict[tuple[int, tuple[LayerOption, ...]], list[BestCosts]]  # by stage and options: of 0, 1, 2, ... layers
CostSeen = Callable[[CostVector], CostVector]  # the measures that are least in the best genotype, signed


@frozen
class _Totals:
    """The totals that limit a chain: along the whole of it, and by stage those of that stage alone."""

    chain: Chain
    shared: tuple[Limit, ...]
    own: tuple[tuple[Limit, ...], ...]

    def row(self, t: int, cost: CostVector) -> Row:
        """The totals of a cost in a stage: those of the stage first, then those of the network."""
        limits = (*self.own[t], *self.shared)
        return tuple(cost[self.chain.measures.index(limit.measure)] for limit in limits)


def best(chain: Chain, seen: CostSeen) -> Genotype | None:
    """The genotype within the totals with the least of what is seen of its cost; None where there is none.

    Of several the one whose cells come first, then the one whose layers do as far as totals allow.
    """
    limits = [limit for limit in chain.limits if limit.window != EVERY]
    totals = _Totals(
        chain,
        tuple(limit for limit in limits if limit.stage is None),
        tuple(tuple(limit for limit in limits if limit.stage == t) for t in range(len(chain.stages))),
    )
    tables: Tables = {}
    stages = [[_cell(totals, t, cell, seen, tables) for cell in cells] for t, cells in enumerate(chain.stages)]
    after: list[dict[int, BestCosts]] = []  # by class at the joint before each stage: the best from there on
    ahead: dict[int, BestCosts] = {0: {(0,) * len(totals.shared): seen((0,) * len(chain.measures))}}
    for t in reversed(range(len(stages))):
        if t < len(chain.joints):
            ahead = _across(chain, t, ahead, seen)
        after.insert(0, ahead)
        ahead = _through(chain, t, stages[t], ahead)
    inside = [(value, row) for row, value in ahead.get(0, {}).items() if _inside(row, totals.shared)]
    if not inside:
        return None
    value, row = min(inside)
    cells: list[int] = []
    layers: list[tuple[int, ...]] = []
    for t, found in enumerate(stages):
        cells.append(0)
        cells[-1], spent, row, value = _first(chain, t, cells, found, after[t], row, value, seen)
        cell = chain.stages[t][cells[-1]]
        layers.append(_layers(totals, t, cell, spent, found[cells[-1]][spent], seen, tables))
    return Genotype(tuple(cells), tuple(layers))


def _plus(one: Row, other: Row) -> Row:
    return tuple(map(add, one, other))


def _minus(one: Row, other: Row) -> Row:
    return tuple(a - b for a, b in zip(one, other, strict=True))


def _inside(row: Row, limits: Sequence[Limit]) -> bool:
    return all(limit.window.lo <= value <= limit.window.hi for value, limit in zip(row, limits, strict=True))


def _sums(parts: Iterator[tuple[Row, CostVector]]) -> BestCosts:
    table: BestCosts = {}
    for row, value in parts:
        if row not in table or value < table[row]:
            table[row] = value
    return table


def _table(totals: _Totals, t: int, cell: Cell, seen: CostSeen, tables: Tables) -> list[BestCosts]:
    """The best of 0, 1, 2, ... layers of a cell by their totals."""
    none = (0,) * len(totals.chain.measures)
    made = tables.setdefault((t, cell.options), [{totals.row(t, none): seen(none)}])
    one = _sums((totals.row(t, option.cost), seen(option.cost)) for option in cell.options)
    while len(made) <= cell.depth:
        last = made[-1]
        made.append(_sums((_plus(a, b), _plus(x, y)) for a, x in last.items() for b, y in one.items()))
    return made


def _cell(totals: _Totals, t: int, cell: Cell, seen: CostSeen, tables: Tables) -> BestCosts:
    """The best of a cell by the totals of the network, within those of its stage."""
    own, base, spent = totals.own[t], totals.row(t, cell.cost), seen(cell.cost)
    rows = _table(totals, t, cell, seen, tables)[cell.depth].items()
    whole = ((_plus(base, row), _plus(spent, value)) for row, value in rows)
    return _sums((row[len(own) :], value) for row, value in whole if _inside(row[: len(own)], own))


def _through(
    chain: Chain, t: int, stage: Sequence[BestCosts], ahead: Mapping[int, BestCosts]
) -> dict[int, BestCosts]:
    """One more stage in front, by its class at the joint before it."""
    met: dict[tuple[int, int], BestCosts] = {}
    for index, found in enumerate(stage):
        label = chain.joints[t - 1].right[index] if t else 0
        onward = chain.joints[t].left[index] if t < len(chain.joints) else 0
        if onward in ahead:
            known = met.setdefault((label, onward), {})
            known |= _sums(iter([*known.items(), *found.items()]))
    reached: dict[int, BestCosts] = {}
    for (label, onward), found in met.items():
        known = reached.setdefault(label, {})
        parts = ((_plus(a, b), _plus(x, y)) for a, x in found.items() for b, y in ahead[onward].items())
        known |= _sums(iter([*known.items(), *parts]))
    return reached


def _across(chain: Chain, t: int, ahead: Mapping[int, BestCosts], seen: CostSeen) -> dict[int, BestCosts]:
    """What lies behind a joint, seen from each class before it."""
    reached: dict[int, BestCosts] = {}
    for label, row in enumerate(chain.joints[t].table):
        for other, link in enumerate(row):
            if link is not None and other in ahead:
                known = reached.setdefault(label, {})
                moved = ((totals, _plus(value, seen(link.cost))) for totals, value in ahead[other].items())
                known |= _sums(iter([*known.items(), *moved]))
    return reached


def _first(
    chain: Chain,
    t: int,
    cells: Sequence[int],
    stage: Sequence[BestCosts],
    after: Mapping[int, BestCosts],
    row: Row,
    value: CostVector,
    seen: CostSeen,
) -> tuple[int, Row, Row, CostVector]:
    """The first cell of a stage from which the rest of a row and a cost can be had: the cell, its own totals, and
    what is left of both."""
    for index, found in enumerate(stage):
        left = value
        if t:
            link = chain.joints[t - 1].link(cells[t - 1], index)
            if link is None:
                continue
            left = _minus(value, seen(link.cost))
        onward = after.get(chain.joints[t].left[index] if t < len(chain.joints) else 0, {})
        for own in sorted(found):
            rest = _minus(row, own)
            if rest in onward and _plus(found[own], onward[rest]) == left:
                return index, own, rest, onward[rest]
    raise AssertionError("what was summed can be taken apart")


def _layers(
    totals: _Totals,
    t: int,
    cell: Cell,
    spent: Row,
    value: CostVector,
    seen: CostSeen,
    tables: Tables,
) -> tuple[int, ...]:
    """The options of a cell's layers by which it comes to its totals and its cost."""
    own, base = totals.own[t], totals.row(t, cell.cost)
    made = _table(totals, t, cell, seen, tables)
    left = _minus(value, seen(cell.cost))
    row = next(
        row
        for row in sorted(made[cell.depth])
        if (whole := _plus(base, row))[len(own) :] == spent
        and _inside(whole[: len(own)], own)
        and made[cell.depth][row] == left
    )
    chosen = []
    for free in reversed(range(cell.depth)):
        for number, option in enumerate(cell.options):
            rest = _minus(row, totals.row(t, option.cost))
            if rest in made[free] and _plus(made[free][rest], seen(option.cost)) == left:
                chosen.append(number)
                row, left = rest, made[free][rest]
                break
    return tuple(chosen)
