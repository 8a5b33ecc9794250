"""A space: what the checker makes of a `.space` file, and all that the rest of the project knows of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from attrs import field, frozen

from spacelang.architecture import Frame
from spacelang.architecture import Option as Option
from spacelang.expression import Expression, mentions
from spacelang.language.dimensions import LAYER_DIMENSIONS, NUMBERS, STAGE_DIMENSIONS
from spacelang.recipe import Bound, Evolve, Refine, Train
from spacelang.source import Span


@frozen
class Settled:
    """A dimension with one value, decided."""

    value: Option
    span: Span | None = field(default=None, eq=False)


Tie = Literal["stage", "network"]


@frozen
class Searched:
    """A dimension that is searched: its options in ascending order, `global` last.

    tied: for what it is chosen once, the same in all layers of the stage or all stages of the network; None where
    it is chosen anew wherever the dimension belongs, in every layer or every stage.
    """

    options: tuple[Option, ...]
    tied: Tie | None = None
    span: Span | None = field(default=None, eq=False)


@frozen
class Derived:
    """A dimension that follows from others."""

    expression: Expression
    span: Span | None = field(default=None, eq=False)


Dimension = Settled | Searched | Derived


@frozen
class StageSpace:
    """One stage: what its depth, its width and each of its layers may be.

    `head_dim` is no dimension of a network: it is a number that a layer's expressions may use.
    """

    depth: Dimension
    embed: Dimension
    heads: Dimension
    qkv: Dimension
    mlp: Dimension
    window: Dimension
    head_dim: Dimension


def dimensions(stage: StageSpace) -> Iterator[tuple[str, Dimension]]:
    """The dimensions of a stage by name, in the order in which they are shown."""
    for name in STAGE_DIMENSIONS + LAYER_DIMENSIONS:
        yield name, getattr(stage, name)


def tied(stage: StageSpace, to: Tie) -> tuple[str, ...]:
    """The dimensions of a stage that are chosen once for the stage, or once for the network."""
    return tuple(name for name, domain in dimensions(stage) if isinstance(domain, Searched) and domain.tied == to)


def of_a_stage(stage: StageSpace, name: str) -> bool:
    """Whether a searched dimension has one value in a stage: one of the stage's own, or one that is tied."""
    domain = getattr(stage, name)
    return name in STAGE_DIMENSIONS or (isinstance(domain, Searched) and domain.tied is not None)


def steady(stage: StageSpace) -> tuple[str, ...]:
    """The numbers that are the same in all layers of a stage: those that rules about stages may use."""
    known = set(STAGE_DIMENSIONS)
    for _ in NUMBERS:
        for name in NUMBERS:
            match getattr(stage, name):
                case Settled() | Searched(tied="stage" | "network"):
                    known.add(name)
                case Derived(expression) if {n for n in NUMBERS if mentions(expression, n)} <= known:
                    known.add(name)
    return tuple(name for name in NUMBERS if name in known)


@frozen
class Requirement:
    """A condition that every stage, or every layer, of the space meets, or the network as a whole.

    stage: the number (from 1) of the only stage it speaks of, or None where it speaks of all. A condition on the
    network compares totals; one on stages may, and is then a comparison and nothing else.
    """

    level: Literal["network", "stage", "layer"]
    stage: int | None
    expression: Expression


@frozen
class Declared:
    """A measure of one's own: a table of what each block costs tells it. unit: empty for a count."""

    name: str
    unit: str


@frozen
class Space:
    """A checked space. Every expression in it has a value of the right kind wherever it is evaluated."""

    name: str
    edition: int
    frame: Frame
    stages: tuple[StageSpace, ...]
    requires: tuple[Requirement, ...] = ()
    train: Train = Train()
    evolve: Evolve = Evolve()
    refine: Refine = Refine()
    measures: tuple[Declared, ...] = ()

    @property
    def bounds(self) -> tuple[Bound, ...]:
        """Those of all its recipes."""
        return (*self.train.bounds, *self.evolve.bounds, *self.refine.bounds)
