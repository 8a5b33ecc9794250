"""What each option of a space does: how many genotypes take it, and what these can cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from spacelang.lower.bracket import Bracket, bracket
from spacelang.lower.cells import LegalCell
from spacelang.lower.chain import Bounds, Cell, Chain, Joint, Window, cost
from spacelang.lower.count import count
from spacelang.lower.extremes import largest, smallest
from spacelang.lower.lowered import Lowered, existing
from spacelang.lower.predicate import Predicate
from spacelang.space import Option, Searched, Space, dimensions, of_a_stage, tied

if TYPE_CHECKING:
    from spacelang.lower.marginals import Marginals

PartsOf = Callable[[Cell, LegalCell], list[Cell]]


@frozen
class Effect:
    """One option of one stage (from 1), or of what is chosen once for the network (stage 0).

    taken: how many networks have it (a layer's option: in at least one layer of the stage). ranges: what those
    cost, by measure (inside windows: by measure that has one); empty where no network has it.
    """

    stage: int
    dimension: str
    option: Option
    taken: Bracket
    ranges: Mapping[str, Window]

    @property
    def dead(self) -> bool:
        """Whether certainly no network has it."""
        return self.taken.upper == 0


def effects(lowered: Lowered, bounds: Bounds | None = None) -> Iterator[Effect]:
    """The effect of each searched option among the networks inside the windows, stage by stage.

    Inside windows all of them follow from one look at the points of every stage; where these do not fit, each is
    counted by itself.
    """
    chain, bounds = lowered.chain, bounds or {}
    known: Marginals | None = None
    if bounds:
        from spacelang.lower.marginals import marginals  # numpy, on use

        known = marginals(chain, bounds)
    everyone = _count(chain, bounds) if known is None else Bracket(0, 0)

    def effect(number: int, name: str, option: Option, has: Predicate) -> Effect:
        if known is not None:
            count_, ranges = known.of(max(number, 0), lowered.legal.stages[max(number, 0)], has)
            return Effect(number + 1, name, option, Bracket(count_, count_), ranges)
        having, without = _split(lowered, max(number, 0), has)
        if has.cell is not None:
            taken = _count(having, bounds)
        else:
            rest = _count(without, bounds)
            taken = Bracket(max(0, everyone.lower - rest.upper), everyone.upper - rest.lower)
        return Effect(number + 1, name, option, taken, _ranges(having, bounds) if taken.upper else {})

    for name, options in _once(lowered.space).items():
        for option in options:
            yield effect(-1, name, option, _rooted(lowered, name, option))
    for number, stage in enumerate(lowered.space.stages):
        side = lowered.space.frame.side(number)
        for name, dimension in dimensions(stage):
            if not isinstance(dimension, Searched) or dimension.tied == "network":
                continue
            for option in dimension.options:
                value = min(option, side) if name == "window" and not isinstance(option, str) else option
                if value != option and value in dimension.options:  # a window that clips to another one
                    yield Effect(number + 1, name, option, Bracket(0, 0), {})
                    continue
                yield effect(number, name, option, _has(name, value, own=of_a_stage(stage, name)))


def _once(space: Space) -> dict[str, tuple[Option, ...]]:
    """The options of what is chosen once for the network, by dimension."""
    return {name: getattr(stage, name).options for stage in space.stages for name in tied(stage, "network")}


def _rooted(lowered: Lowered, name: str, option: Option) -> Predicate:
    among = {number for number, root in enumerate(lowered.legal.roots) if dict(root)[name] == option}
    return Predicate(lambda cell: cell.root in among)


def _has(name: str, option: Option, *, own: bool) -> Predicate:
    """own: whether the dimension has one value in a stage."""
    if own:
        return Predicate(lambda cell: cell.value(name) == option)
    return Predicate(None, lambda layer: bool(getattr(layer, name) == option))


def _split(lowered: Lowered, number: int, has: Predicate) -> tuple[Chain | None, Chain | None]:
    """The chain of the networks that have an option, and that of those that have it nowhere in the stage.

    Of a layer's option, the first is the chain whose first layer has it: with the order of layers left aside,
    which no cost depends on, these are the networks that have it somewhere.
    """
    chain, legal = lowered.chain, lowered.legal.stages[number]
    if (mine := has.cell) is not None:
        return (
            _with(chain, legal, number, lambda cell, one: [cell] if mine(one) else []),
            _with(chain, legal, number, lambda cell, one: [] if mine(one) else [cell]),
        )

    def having(cell: Cell, one: LegalCell) -> list[Cell]:
        first = [found.cost for found, layer in zip(cell.options, one.options, strict=True) if has.layer(layer)]
        return [
            evolve(cell, depth=cell.depth - 1, cost=tuple(map(sum, zip(cell.cost, own, strict=True))))
            for own in first
        ]

    def without(cell: Cell, one: LegalCell) -> list[Cell]:
        rest = tuple(found for found, layer in zip(cell.options, one.options, strict=True) if not has.layer(layer))
        return [evolve(cell, options=rest)] if rest else []

    return _with(chain, legal, number, having), _with(chain, legal, number, without)


def _with(chain: Chain, legal: tuple[LegalCell, ...], number: int, parts: PartsOf) -> Chain | None:
    """The chain with each cell of a stage in other parts; None where the stage has none left."""
    replaced = [(old, new) for old, cell in enumerate(chain.stages[number]) for new in parts(cell, legal[old])]
    if not replaced:
        return None
    kept = [old for old, _ in replaced]
    stages, joints = list(chain.stages), list(chain.joints)
    stages[number] = tuple(new for _, new in replaced)
    if number:
        before = joints[number - 1]
        joints[number - 1] = Joint(before.left, tuple(before.right[old] for old in kept), before.table)
    if number < len(joints):
        after = joints[number]
        joints[number] = Joint(tuple(after.left[old] for old in kept), after.right, after.table)
    return evolve(chain, stages=tuple(stages), joints=tuple(joints))


def _count(chain: Chain | None, bounds: Bounds) -> Bracket:
    if chain is None:
        return Bracket(0, 0)
    if bounds:
        return bracket(chain, bounds)
    total = count(chain)
    return Bracket(total, total)


def _ranges(chain: Chain | None, bounds: Bounds) -> dict[str, Window]:
    """What the genotypes of a chain cost, by measure; empty where there is none."""
    ranges: dict[str, Window] = {}
    if chain is None or smallest(chain) is None:
        return ranges
    for measure in chain.costs:
        axis = chain.measures.index(measure)
        if not bounds:
            ends = (existing(smallest(chain, (measure,))), existing(largest(chain, (measure,))))
            low, high = (cost(chain, end)[axis] for end in ends)
            ranges[measure] = Window(low, high)
            continue
        # The range of a measure under windows on others takes long: that of every option would take minutes.
        if measure in bounds and (inside := _within(chain, measure, bounds)) is not None:
            ranges[measure] = inside
    return ranges


def _within(chain: Chain, measure: str, bounds: Bounds) -> Window | None:
    """What a measure reaches inside all windows, its own included; None where nothing is inside."""
    from spacelang.lower.extreme_cost import extreme_cost  # numpy, on use

    low, high = (extreme_cost(chain, measure, bounds[measure], bounds, None, most=most) for most in (False, True))
    return None if low is None or high is None else Window(low, high)
