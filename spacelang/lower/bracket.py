"""The number of genotypes inside windows: exact where the tables fit, else between two certain numbers."""

from __future__ import annotations

from attrs import evolve, frozen

from spacelang.lower.bounds import span
from spacelang.lower.chain import EVERY, Bounds, Cell, Chain, CostVector, Joint, LayerOption, Link, Window
from spacelang.lower.count import count
from spacelang.lower.too_large import TooLarge

CELLS = 1 << 20  # how finely a measure is divided where it is rounded


@frozen
class Bracket:
    """At least `lower` and at most `upper` genotypes; the number itself where they are equal."""

    lower: int
    upper: int

    @property
    def exact(self) -> bool:
        """Whether this is the number itself."""
        return self.lower == self.upper


def bracket(chain: Chain, bounds: Bounds) -> Bracket:
    """How many genotypes lie inside every window: exactly, or certainly between two numbers.

    Where the sums of all bounded measures together do not fit, each window is counted alone (rounded outward
    where even that does not fit). With N in all and n_i inside window i, at most min n_i and at least
    N - sum (N - n_i) are inside all.
    """
    try:
        exact = count(chain, bounds)
        return Bracket(exact, exact)
    except TooLarge:
        pass
    if len(bounds) == 1:
        ((measure, window),) = bounds.items()
        return between(chain, measure, window, CELLS)
    total = count(chain)
    alone = [bracket(chain, {measure: window}) for measure, window in bounds.items()]
    lower = total - sum(total - one.lower for one in alone)
    return Bracket(max(0, lower), min(one.upper for one in alone))


def between(chain: Chain, measure: str, window: Window, cells: int) -> Bracket:
    """The number inside one window, from costs rounded to about `cells` steps of the measure's range.

    With every cost rounded down, no fewer are below a value than there are; rounded up, no more.
    """
    whole = span(chain, measure)
    if whole is None:
        return Bracket(0, 0)
    step = max(1, (whole.hi - whole.lo) // cells)
    down, up = (_rounded(chain, measure, step, upwards=upwards) for upwards in (False, True))

    def below(rounded: Chain, limit: int) -> int:
        return count(rounded, {measure: Window(EVERY.lo, limit // step)})

    upper = below(down, window.hi) - below(up, window.lo - 1)
    lower = below(up, window.hi) - below(down, window.lo - 1)
    return Bracket(max(0, lower), upper)


def rounded_up(chain: Chain, measure: str, step: int) -> Chain:
    """The chain with one measure, every cost of it in whole steps, rounded up."""
    return _rounded(chain, measure, step, upwards=True)


def _rounded(chain: Chain, measure: str, step: int, *, upwards: bool) -> Chain:
    """The chain with one measure, every cost of it divided by `step` and rounded to a whole number, and with its
    totals as they are."""
    axis = chain.measures.index(measure)
    totals = [at for at, name in enumerate(chain.measures) if name not in chain.costs]

    def cost(exact: CostVector) -> CostVector:
        rounded = -(-exact[axis] // step) if upwards else exact[axis] // step
        return (rounded, *(exact[at] for at in totals))

    lists: dict[tuple[LayerOption, ...], tuple[LayerOption, ...]] = {}

    def options(cell: Cell) -> tuple[LayerOption, ...]:
        if cell.options not in lists:
            lists[cell.options] = tuple(evolve(option, cost=cost(option.cost)) for option in cell.options)
        return lists[cell.options]

    def joint(found: Joint) -> Joint:
        rows = (tuple(None if link is None else Link(cost(link.cost)) for link in row) for row in found.table)
        return evolve(found, table=tuple(rows))

    return evolve(
        chain,
        measures=(measure, *(chain.measures[at] for at in totals)),
        stages=tuple(
            tuple(evolve(cell, cost=cost(cell.cost), options=options(cell)) for cell in stage)
            for stage in chain.stages
        ),
        joints=tuple(joint(found) for found in chain.joints),
    )
