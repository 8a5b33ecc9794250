"""The subspaces of a space: one dimension of one stage, with the options that it chooses among."""

from __future__ import annotations

from itertools import pairwise

from attrs import frozen

from spacelang.architecture import Architecture
from spacelang.expression import Number, decimal
from spacelang.recipe import Steps
from spacelang.space import STAGE_DIMENSIONS, Searched, Space, dimensions


@frozen
class Subspace:
    """A dimension that is searched in a stage (from 1): its options, ascending, and how far one step moves them.

    side: of the stage's map; a window counts as no larger.
    """

    stage: int
    dimension: str
    options: tuple[Number, ...]
    step: Number
    side: int

    @property
    def name(self) -> str:
        return f"stage {self.stage} {self.dimension}"

    @property
    def layered(self) -> bool:
        """Whether each layer of the stage chooses for itself."""
        return self.dimension not in STAGE_DIMENSIONS

    def shares(self, architecture: Architecture) -> tuple[float, ...]:
        """For each option, the share of the stage's layers that have it; of a stage's own depth or width, all or
        none of them."""
        stage = architecture.stages[self.stage - 1]
        match self.dimension:
            case "depth":
                values: list[Number] = [len(stage.layers)]
            case "embed":
                values = [stage.embed]
            case name:
                values = [getattr(layer, name) for layer in stage.layers]
        return tuple(values.count(self._seen(option)) / len(values) for option in self.options)

    def _seen(self, option: Number) -> Number:
        """The value that a network with this option has."""
        return min(option, self.side) if self.dimension == "window" else option


@frozen
class Unmoved:
    """A searched dimension that is not measured, and why."""

    stage: int
    dimension: str
    reason: str


def subspaces(space: Space, steps: Steps) -> tuple[tuple[Subspace, ...], tuple[Unmoved, ...]]:
    """The subspaces of a space by stage, then dimension; and what of it is searched and has no slope."""
    found: list[Subspace] = []
    left: list[Unmoved] = []
    for number, stage in enumerate(space.stages, 1):
        side = space.frame.side(number - 1)
        for name, dimension in dimensions(stage):
            if not isinstance(dimension, Searched):
                continue
            options = [option for option in dimension.options if not isinstance(option, str)]
            if len(options) < len(dimension.options):
                left.append(Unmoved(number, name, "`global` is no number"))
            elif name == "window" and len({min(option, side) for option in options}) < len(options):
                left.append(Unmoved(number, name, f"several windows are its whole {side}×{side} map"))
            elif len(options) < 2:
                left.append(Unmoved(number, name, f"{decimal(options[0])} is its one option"))
            else:
                step: Number | None = getattr(steps, name)
                apart = min(b - a for a, b in pairwise(options))
                found.append(Subspace(number, name, tuple(options), apart if step is None else step, side))
    return tuple(found), tuple(left)
