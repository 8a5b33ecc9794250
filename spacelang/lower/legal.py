"""The legal options of a space: what each stage and layer may be once every `require` and derivation is applied.

Comes in: a Space. Goes out: for each stage its cells, a cell being one pair of depth and embed with the
options that its layers have there, and which cells of neighbouring stages go together. What then holds:
each cell lies on at least one complete network, each option of a cell can be taken by each of its layers
whatever the others take, and options are distinct as networks (windows that clip to the same map are one).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

from attrs import frozen

from spacelang.architecture import Frame, Layer, Window
from spacelang.expression import Expression, Number, UndefinedValue, evaluate, mentions
from spacelang.source import Span
from spacelang.space import (
    Derived,
    Dimension,
    Searched,
    Settled,
    Space,
    StageSpace,
)


@frozen
class Cell:
    """One depth and one embed of a stage, and the layers that are legal there, in canonical order."""

    depth: int
    embed: int
    options: tuple[Layer, ...]


@frozen
class Legal:
    """The cells of each stage, in ascending order of depth, then embed; and for each two neighbouring stages
    the pairs of cells (indexes into the two) that go together."""

    stages: tuple[tuple[Cell, ...], ...]
    links: tuple[frozenset[tuple[int, int]], ...]


@frozen
class Unbuildable:
    """Values of the space that no require removes and that no network can have.

    stage counts from 1. dimension: the one to blame; values: by name, what held when it failed.
    """

    stage: int
    dimension: str
    values: Mapping[str, Number]
    reason: str
    span: Span | None


def legal(space: Space) -> Legal | tuple[Unbuildable, ...]:
    """The legal options of a space, or why it cannot be built. A stage without cells is an empty space."""
    problems: list[Unbuildable] = []
    stages: list[tuple[Cell, ...]] = []
    links: list[frozenset[tuple[int, int]]] = []
    for number in range(1, len(space.stages) + 1):
        previous = stages[-1] if stages else (None,)
        cells, joined = _stage(space, number, previous, problems)
        stages.append(cells)
        if number > 1:
            links.append(joined)
    return tuple(problems) if problems else _connected(stages, links)


def constants(frame: Frame) -> dict[str, Number]:
    """The settings of a space that any expression may use."""
    return {"image": frame.image, "patch": frame.patch, "channels": frame.channels, "classes": frame.classes}


def options(dimension: Dimension, names: Mapping[str, Number]) -> tuple[Number | str, ...]:
    """The values of a dimension before any require, where `names` hold."""
    match dimension:
        case Settled(value):
            return (value,)
        case Searched(values):
            return values
        case Derived(expression):
            value = evaluate(expression, names)
            assert not isinstance(value, bool), "the checker lets only numbers derive"
            return (value,)


def _stage(
    space: Space, number: int, previous: tuple[Cell | None, ...], problems: list[Unbuildable]
) -> tuple[tuple[Cell, ...], frozenset[tuple[int, int]]]:
    stage = space.stages[number - 1]
    requires = [r.expression for r in space.requires if r.level == "stage" and r.stage in (None, number)]
    found: dict[tuple[int, int], set[int]] = {}
    judged: dict[int, list[tuple[int, int]]] = {}
    depth_free = not any(mentions(e, "depth") for e in [*requires, *_derivations(stage)])
    for index, before in enumerate(previous):
        # Most rules look at widths alone: then all depths of a width before share one answer.
        group = before.embed if before and depth_free else index
        if group not in judged:
            names = {"embed": before.embed, "depth": before.depth} if before else None
            judged[group] = list(_pairs(space, number, stage, requires, names, problems))
        for pair in judged[group]:
            found.setdefault(pair, set()).add(index)
    depth_matters = _layers_know_depth(space, number)
    layers_of: dict[tuple[int, int], tuple[Layer, ...]] = {}
    cells: list[Cell] = []
    joined: set[tuple[int, int]] = set()
    for depth, embed in sorted(found):
        key = (depth if depth_matters else 0, embed)
        if key not in layers_of:
            layers_of[key] = _layers(space, number, stage, depth, embed, problems)
        layers = layers_of[key]
        if layers:
            joined |= {(index, len(cells)) for index in found[depth, embed]}
            cells.append(Cell(depth, embed, layers))
    return tuple(cells), frozenset(joined)


def _layers_know_depth(space: Space, number: int) -> bool:
    """Whether what a layer may be can depend on how many there are: if not, one list serves all depths."""
    stage = space.stages[number - 1]
    rules = [r.expression for r in space.requires if r.level == "layer" and r.stage in (None, number)]
    derived = [d.expression for name in derivation_order(stage) if isinstance(d := getattr(stage, name), Derived)]
    return any(mentions(expression, "depth") for expression in [*rules, *derived])


def _derivations(stage: StageSpace) -> list[Expression]:
    return [d.expression for d in (stage.depth, stage.embed) if isinstance(d, Derived)]


def _pairs(
    space: Space,
    number: int,
    stage: StageSpace,
    requires: list[Expression],
    previous: Mapping[str, Number] | None,
    problems: list[Unbuildable],
) -> Iterator[tuple[int, int]]:
    """The pairs of depth and embed that a stage may have after the cell before."""
    for depth, embed in product(
        _stage_options(stage.depth, space.frame, previous), _stage_options(stage.embed, space.frame, previous)
    ):
        names = constants(space.frame) | {"depth": depth, "embed": embed}
        try:
            if not all(evaluate(require, names, previous) for require in requires):
                continue
        except UndefinedValue as error:
            problems.append(Unbuildable(number, "require", names, str(error), error.at.span))
            return
        for name, value in (("depth", depth), ("embed", embed)):
            if not _whole(value):
                problems.append(
                    Unbuildable(number, name, names, "is not a whole number from 1", _span(stage, name))
                )
                return
        yield int(depth), int(embed)


def _stage_options(dimension: Dimension, frame: Frame, previous: Mapping[str, Number] | None) -> tuple[Number, ...]:
    match dimension:
        case Settled(value):
            values: tuple[Number | str, ...] = (value,)
        case Searched(values):
            pass
        case Derived(expression):
            value = evaluate(expression, constants(frame), previous)
            values = (value,)
    return tuple(value for value in values if not isinstance(value, str))


def _layers(
    space: Space, number: int, stage: StageSpace, depth: int, embed: int, problems: list[Unbuildable]
) -> tuple[Layer, ...]:
    """The distinct legal layers of a stage with this depth and embed, in ascending order."""
    requires = [r.expression for r in space.requires if r.level == "layer" and r.stage in (None, number)]
    side = space.frame.side(number - 1)
    found: set[Layer] = set()
    base = {**constants(space.frame), "depth": depth, "embed": embed}
    order = derivation_order(stage)
    searched = {name: getattr(stage, name) for name in order}
    for names, window in _combinations(base, searched, order, side, number, problems):
        if names["heads"] == 0 or names["qkv"] % names["heads"] != 0:
            continue
        try:
            if not all(evaluate(require, names) for require in requires):
                continue
        except UndefinedValue as error:
            problems.append(Unbuildable(number, "require", names, str(error), error.at.span))
            return ()
        problem = _unbuildable(stage, number, names)
        if problem:
            problems.append(problem)
            return ()
        found.add(Layer(int(names["heads"]), int(names["qkv"]), names["mlp"], window))
    return tuple(sorted(found, key=order_of))


def order_of(layer: Layer) -> tuple[int, int, Number, float]:
    """The place of a layer in canonical order: heads, qkv, mlp, window, with a global window last."""
    return layer.heads, layer.qkv, layer.mlp, float("inf") if layer.window == "global" else layer.window


def derivation_order(stage: StageSpace) -> tuple[str, ...]:
    """The layer's dimensions and head_dim, each after those that it derives from.

    A cycle of derivations has no order; the checker refuses it before anything asks.
    """
    names = ("head_dim", "heads", "qkv", "mlp", "window")
    placed: list[str] = []

    def place(name: str) -> None:
        if name in placed:
            return
        dimension: Dimension = getattr(stage, name)
        if isinstance(dimension, Derived):
            for part in names:
                if part != name and mentions(dimension.expression, part):
                    place(part)
        placed.append(name)

    for name in names:
        place(name)
    return tuple(placed)


def _combinations(
    base: Mapping[str, Number],
    dimensions: Mapping[str, Dimension],
    order: tuple[str, ...],
    side: int,
    number: int,
    problems: list[Unbuildable],
) -> Iterator[tuple[dict[str, Number], Window]]:
    """All values of the layer's dimensions together, windows clipped to the map."""
    partial: list[tuple[dict[str, Number], Window]] = [(dict(base), side)]
    for name in order:
        extended: list[tuple[dict[str, Number], Window]] = []
        for names, window in partial:
            try:
                values = options(dimensions[name], names)
            except UndefinedValue as error:
                problems.append(Unbuildable(number, name, names, str(error), error.at.span))
                return
            for value in values:
                if value == "global":
                    extended.append((names | {name: side}, "global"))
                elif not isinstance(value, str):
                    clipped = min(value, side) if name == "window" else value
                    extended.append((names | {name: clipped}, int(clipped) if name == "window" else window))
        partial = extended
    yield from partial


def _unbuildable(stage: StageSpace, number: int, names: Mapping[str, Number]) -> Unbuildable | None:
    for name in ("heads", "qkv", "window"):
        if not _whole(names[name]):
            return Unbuildable(number, name, names, "is not a whole number from 1", _span(stage, name))
    if not _whole(names["mlp"] * names["embed"]):
        return Unbuildable(number, "mlp", names, "does not give whole channels", _span(stage, "mlp"))
    return None


def _whole(value: Number) -> bool:
    return value.denominator == 1 and value >= 1


def _span(stage: StageSpace, name: str) -> Span | None:
    dimension: Dimension = getattr(stage, name)
    return dimension.span


def _connected(stages: list[tuple[Cell, ...]], links: list[frozenset[tuple[int, int]]]) -> Legal:
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
