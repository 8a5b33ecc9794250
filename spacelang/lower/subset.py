"""Whether every network of one space is a network of another; and if not, what is new.

The proof is exact, and looks at no single network: legal options are connected, so each cell, each option of a
cell and each pair of neighbours lies on a network of its own, and a network is nothing but these. Where choices are
tied, or totals have limits, the networks of both spaces are counted too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs
from attrs import evolve, frozen

from spacelang.architecture import Architecture, Frame, Layer
from spacelang.diagnostics import listed
from spacelang.expression import decimal
from spacelang.language.dimensions import LAYER_DIMENSIONS, STAGE_DIMENSIONS
from spacelang.lower.cells import Legal, LegalCell
from spacelang.lower.overlap import only, plain
from spacelang.notation import write
from spacelang.space import Option


@frozen
class NewSetting:
    """A setting of the whole space that is another one; the wider space's is `wider`."""

    name: str
    value: object
    wider: object


@frozen
class NewStages:
    """Another number of stages."""

    stages: int
    wider: int


@frozen
class NewOptions:
    """Options of one dimension that no network of the wider space takes in this stage (from 1)."""

    stage: int
    dimension: str
    options: tuple[Option, ...]
    wider: tuple[Option, ...]


@frozen
class NewCombination:
    """Options of one stage that the wider space has, but not together."""

    stage: int
    values: Mapping[str, Option]


@frozen
class NewNeighbours:
    """Widths and depths of a stage and of the one before it that the wider space keeps apart."""

    stage: int
    before: Mapping[str, Option]
    values: Mapping[str, Option]


@frozen
class NewNetwork:
    """A network that the wider space has not, though all that it is made of is there. tied: whether the wider space
    ties choices that this one does not."""

    network: Architecture
    tied: bool


New = NewSetting | NewStages | NewOptions | NewCombination | NewNeighbours | NewNetwork


def new(narrower: tuple[Frame, Legal], wider: tuple[Frame, Legal]) -> tuple[New, ...]:
    """What the narrower space has and the wider has not: nothing exactly where it is a subset.

    Of combinations, the first of each stage is told.
    """
    (frame, legal), (wide_frame, wide_legal) = narrower, wider
    differences: list[New] = [
        NewSetting(f.name, getattr(frame, f.name), getattr(wide_frame, f.name))
        for f in attrs.fields(Frame)
        if getattr(frame, f.name) != getattr(wide_frame, f.name)
    ]
    if len(legal.stages) != len(wide_legal.stages):
        return (*differences, NewStages(len(legal.stages), len(wide_legal.stages)))
    for number, (cells, wide) in enumerate(zip(legal.stages, wide_legal.stages, strict=True), 1):
        options = list(_options(number, cells, wide))
        differences += options or list(_combination(number, cells, wide))
    differences += [] if differences else list(_neighbours(legal, wide_legal))
    if differences or (plain(legal) and plain(wide_legal)):
        return tuple(differences)
    stages = only(legal, wide_legal)
    if stages is None:
        return ()
    return (NewNetwork(Architecture(frame, stages), not plain(evolve(wide_legal, totals=()))),)


def taken(cells: tuple[LegalCell, ...], dimension: str) -> tuple[Option, ...]:
    """The options of a dimension that networks take in a stage, ascending, `global` last."""
    values: set[Option]
    if dimension in STAGE_DIMENSIONS:
        values = {getattr(cell, dimension) for cell in cells}
    else:
        values = {getattr(layer, dimension) for cell in cells for layer in cell.options}
    return tuple(sorted(values, key=lambda v: float("inf") if isinstance(v, str) else v))


def _options(number: int, cells: tuple[LegalCell, ...], wide: tuple[LegalCell, ...]) -> Iterator[New]:
    for dimension in STAGE_DIMENSIONS + LAYER_DIMENSIONS:
        known = taken(wide, dimension)
        beyond = tuple(option for option in taken(cells, dimension) if option not in known)
        if beyond:
            yield NewOptions(number, dimension, beyond, known)


def _combination(number: int, cells: tuple[LegalCell, ...], wide: tuple[LegalCell, ...]) -> Iterator[New]:
    known: dict[tuple[int, int], set[Layer]] = {}
    for cell in wide:
        known.setdefault((cell.depth, cell.embed), set()).update(cell.options)
    for cell in cells:
        place: dict[str, Option] = {"depth": cell.depth, "embed": cell.embed}
        if (cell.depth, cell.embed) not in known:
            yield NewCombination(number, place)
            return
        for layer in cell.options:
            if layer not in known[cell.depth, cell.embed]:
                yield NewCombination(number, place | {n: getattr(layer, n) for n in LAYER_DIMENSIONS})
                return


def _neighbours(legal: Legal, wide: Legal) -> Iterator[New]:
    for number, links in enumerate(legal.links):
        left, right = legal.stages[number], legal.stages[number + 1]
        known = {
            (_shape(wide.stages[number][i]), _shape(wide.stages[number + 1][j])) for i, j in wide.links[number]
        }
        for i, j in sorted(links):
            if (_shape(left[i]), _shape(right[j])) not in known:
                (depth, embed), (next_depth, next_embed) = _shape(left[i]), _shape(right[j])
                before: dict[str, Option] = {"depth": depth, "embed": embed}
                yield NewNeighbours(number + 2, before, {"depth": next_depth, "embed": next_embed})
                break


def _shape(cell: LegalCell) -> tuple[int, int]:
    return cell.depth, cell.embed


def said(difference: New) -> str:
    """What is new, in words."""
    match difference:
        case NewSetting(name, value, wider):
            return f"`{name}` is {_word(value)}, and {_word(wider)} in the wider space"
        case NewStages(stages, wider):
            return f"the space has {stages} stages, and the wider space {wider}"
        case NewOptions(stage, dimension, options):
            which = listed([_option(option) for option in options], "and")
            return f"stage {stage}: the wider space has no `{dimension}` of {which}"
        case NewCombination(stage, values):
            return f"stage {stage}: the wider space has no {_values(values)} together"
        case NewNetwork(network, tied):
            why = "totals of its own" if not tied else "choices made once"
            return f"the wider space, which has {why}, lacks {write(network)}"
        case NewNeighbours(stage, before, values):
            return f"stage {stage}: in the wider space, {_values(values)} does not follow {_values(before)}"


def _values(values: Mapping[str, Option]) -> str:
    return listed([f"{name} {_option(value)}" for name, value in values.items()], "and")


def _option(value: Option) -> str:
    return value if isinstance(value, str) else decimal(value)


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " + ".join(value) if isinstance(value, tuple) else str(value)
