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

from spacelang.architecture import Frame, Layer
from spacelang.expression import Expression, Number, UndefinedValue, evaluate, mentions
from spacelang.lower.layers import Unbuildable, constants, derivation_order, legal_layers, span_of, whole
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
            layers_of[key] = legal_layers(space, number, stage, depth, embed, problems)
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
            if not whole(value):
                problems.append(
                    Unbuildable(number, name, names, "is not a whole number from 1", span_of(stage, name))
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
