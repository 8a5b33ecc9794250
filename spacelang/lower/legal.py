"""The legal options of a space: what each stage and layer may be once every `require` and derivation is applied.

Comes in: a Space. Goes out: for each stage its cells, a cell being one depth, one embed and one value of all that
is chosen once for the stage or for the network, with the options that its layers have there; and which cells of
neighbouring stages go together. What then holds: each cell lies on at least one complete network, each option of a
cell can be taken by each of its layers whatever the others take, and options are distinct as networks (windows
that clip to the same map are one). Totals come last, and take away what no network within them has.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product

from attrs import evolve

from spacelang.architecture import Layer
from spacelang.expression import Number, mentions, totals
from spacelang.language.dimensions import NUMBERS
from spacelang.lower.cells import KEPT, Legal, LegalCell, Values
from spacelang.lower.layers import Unbuildable, derivation_order, legal_layers
from spacelang.lower.points import StagePoint, points
from spacelang.recipe import Train
from spacelang.space import Derived, Option, Settled, Space, StageSpace, tied


def legal(space: Space) -> Legal | tuple[Unbuildable, ...]:
    """The legal options of a space, or why it cannot be built. A stage without cells is an empty space.

    They are kept for the last few spaces: a command checks a space, then lowers it. Raises `TooMany` where its
    totals take too many values; a checked space has none such.
    """
    try:
        return _built(evolve(space, name="", train=Train(bounds=space.train.bounds)))
    except _CannotBeBuilt as reason:  # not kept: equal spaces may stand at other places of a text
        return reason.problems


class _CannotBeBuilt(Exception):
    def __init__(self, problems: list[Unbuildable]) -> None:
        super().__init__(*problems)
        self.problems = tuple(problems)


@lru_cache(maxsize=KEPT)
def _built(space: Space) -> Legal:
    """What `legal` gives, for a space that can be built."""
    problems: list[Unbuildable] = []
    settings = _settings(space)
    spaces = [_of(evolve(space, stages=_settled(space, root)), problems) for root in settings]
    if problems:
        raise _CannotBeBuilt(problems)
    left = _joined(settings, spaces) if settings != ((),) else spaces[0]
    if not _totalled(space):
        return left
    from spacelang.lower.charge import charges  # most spaces have no totals, and need not wait for these
    from spacelang.lower.prune import prune

    summed = charges(space, left.stages, problems)
    if problems:
        raise _CannotBeBuilt(problems)
    return prune(evolve(left, totals=summed)) if summed else left


def _totalled(space: Space) -> bool:
    """Whether a rule, or a bound of a recipe, speaks of a total."""
    return any(totals(rule.expression) for rule in space.requires) or any(bound.total for bound in space.bounds)


def _settings(space: Space) -> tuple[Values, ...]:
    """All that may be chosen once for the network; of settings that every stage clips to the same, the first."""
    searched: dict[str, tuple[Option, ...]] = {}
    for stage in space.stages:
        for name in tied(stage, "network"):
            searched[name] = getattr(stage, name).options
    names = [name for name in NUMBERS if name in searched]
    distinct: dict[tuple[Option, ...], Values] = {}
    for options in product(*(searched[name] for name in names)):
        root = tuple(zip(names, options, strict=True))
        values = dict(root)
        seen = tuple(
            clipped(values[name], space.frame.side(number)) if name == "window" else values[name]
            for number, stage in enumerate(space.stages)
            for name in tied(stage, "network")
        )
        distinct.setdefault(seen, root)
    return tuple(distinct.values())


def clipped(window: Option, side: int) -> Option:
    """A window on a map of this side."""
    return window if isinstance(window, str) else min(window, side)


def _settled(space: Space, root: Values) -> tuple[StageSpace, ...]:
    """The stages once what is chosen once for the network is decided."""
    return tuple(
        settled(stage, [(name, value) for name, value in root if name in tied(stage, "network")])
        for stage in space.stages
    )


def settled(stage: StageSpace, values: Values | list[tuple[str, Option]]) -> StageSpace:
    """A stage with some dimensions decided."""
    return evolve(stage, **{name: Settled(value, span=getattr(stage, name).span) for name, value in values})


def _of(space: Space, problems: list[Unbuildable]) -> Legal:
    """The legal options of a space in which nothing is chosen once for the network."""
    stages: list[tuple[LegalCell, ...]] = []
    links: list[frozenset[tuple[int, int]]] = []
    for number in range(1, len(space.stages) + 1):
        previous = stages[-1] if stages else (None,)
        cells, joined = _stage(space, number, previous, problems)
        stages.append(cells)
        if number > 1:
            links.append(joined)
    return _connected(stages, links)


def _stage(
    space: Space, number: int, previous: tuple[LegalCell | None, ...], problems: list[Unbuildable]
) -> tuple[tuple[LegalCell, ...], frozenset[tuple[int, int]]]:
    stage = space.stages[number - 1]
    by_point: dict[StagePoint, set[int]] = {}
    judged: dict[tuple[Number, ...] | None, list[StagePoint]] = {}
    asked = points(space, number, problems)
    for index, before in enumerate(previous):
        # Most rules look at few numbers of the stage before: where these are equal there is one answer.
        group = tuple(before.names[name] for name in asked.before) if before else None
        if group not in judged:
            judged[group] = list(asked.after(before.names if before else None))
        for point in judged[group]:
            by_point.setdefault(point, set()).add(index)
    depth_matters = _layers_know_depth(space, number)
    layers_of: dict[tuple[int, int, Values], tuple[Layer, ...]] = {}
    cells: list[LegalCell] = []
    joined: set[tuple[int, int]] = set()
    for point in sorted(by_point, key=_order):
        key = (point.depth if depth_matters else 0, point.embed, point.tied)
        if key not in layers_of:
            own = settled(stage, point.tied) if point.tied else stage
            layers_of[key] = legal_layers(space, number, own, point.depth, point.embed, problems)
        layers = layers_of[key]
        if layers:
            joined |= {(index, len(cells)) for index in by_point[point]}
            cells.append(LegalCell(point.depth, point.embed, layers, point.tied, names=point.names))
    return tuple(cells), frozenset(joined)


def _order(point: StagePoint) -> tuple[int, int, tuple[Number | float, ...]]:
    values = (value for _, value in point.tied)
    return point.depth, point.embed, tuple(float("inf") if isinstance(v, str) else v for v in values)


def _layers_know_depth(space: Space, number: int) -> bool:
    """Whether what a layer may be can depend on how many there are: if not, one list serves all depths."""
    stage = space.stages[number - 1]
    rules = [r.expression for r in space.requires if r.level == "layer" and r.stage in (None, number)]
    derived = [d.expression for name in derivation_order(stage) if isinstance(d := getattr(stage, name), Derived)]
    return any(mentions(expression, "depth") for expression in [*rules, *derived])


def _connected(stages: list[tuple[LegalCell, ...]], links: list[frozenset[tuple[int, int]]]) -> Legal:
    """Only the cells that lie on a complete network."""
    keep: list[set[int]] = [set(range(len(cells))) for cells in stages]
    for stage, pairs in enumerate(links):
        keep[stage + 1] &= {j for i, j in pairs if i in keep[stage]}
    for stage in reversed(range(len(links))):
        keep[stage] &= {i for i, j in links[stage] if j in keep[stage + 1]}
    renumbered = [{old: new for new, old in enumerate(sorted(kept))} for kept in keep]
    return Legal(
        tuple(tuple(cells[i] for i in sorted(kept)) for cells, kept in zip(stages, keep, strict=True)),
        tuple(
            frozenset((a[i], b[j]) for i, j in pairs if i in a and j in b)
            for pairs, a, b in zip(links, renumbered, renumbered[1:], strict=False)
        ),
    )


def _joined(settings: tuple[Values, ...], found: list[Legal]) -> Legal:
    """The networks of all settings side by side; a setting that leaves no network is left out."""
    kept = [(root, one) for root, one in zip(settings, found, strict=True) if all(one.stages)]
    stages: list[list[LegalCell]] = [[] for _ in found[0].stages]
    links: list[set[tuple[int, int]]] = [set() for _ in found[0].links]
    for number, (_, one) in enumerate(kept):
        for t, pairs in enumerate(one.links):
            left, right = len(stages[t]), len(stages[t + 1])
            links[t] |= {(left + i, right + j) for i, j in pairs}
        for t, cells in enumerate(one.stages):
            stages[t] += [evolve(cell, root=number) for cell in cells]
    return Legal(tuple(map(tuple, stages)), tuple(map(frozenset, links)), tuple(root for root, _ in kept))
