"""The subspaces of a space: one dimension of one stage, with the options that it chooses among."""

from __future__ import annotations

from itertools import pairwise

from attrs import Factory, frozen

from spacelang.architecture import Architecture
from spacelang.expression import Number, decimal
from spacelang.language.dimensions import STAGE_DIMENSIONS
from spacelang.recipe import Steps
from spacelang.space import Searched, Space, dimensions, of_a_stage


@frozen
class Subspace:
    """A dimension that is searched in a stage (from 1): its options, ascending, and how far one step moves them.

    stage: 0 where it is chosen once for the network. side: of the stage's map; a window counts as no larger.
    layered: whether each layer of the stage chooses for itself. seen: the stage (from 1) that shows the choice.
    """

    stage: int
    dimension: str
    options: tuple[Number, ...]
    step: Number
    side: int
    layered: bool = Factory(lambda self: self.dimension not in STAGE_DIMENSIONS, takes_self=True)
    seen: int = Factory(lambda self: self.stage, takes_self=True)

    @property
    def where(self) -> str:
        return f"stage {self.stage}" if self.stage else "network"

    @property
    def name(self) -> str:
        return f"{self.where} {self.dimension}"

    def shares(self, architecture: Architecture) -> tuple[float, ...]:
        """For each option, the share of the stage's layers that have it; of a stage's own depth or width, all or
        none of them."""
        stage = architecture.stages[self.seen - 1]
        match self.dimension:
            case "depth":
                values: list[Number] = [len(stage.layers)]
            case "embed":
                values = [stage.embed]
            case name:
                values = [getattr(layer, name) for layer in stage.layers]
        return tuple(values.count(self._clipped(option)) / len(values) for option in self.options)

    def _clipped(self, option: Number) -> Number:
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
    shown: dict[str, int] = {}  # what is chosen once for the network, by the first stage that has it
    for number, stage in enumerate(space.stages, 1):
        side = space.frame.side(number - 1)
        for name, dimension in dimensions(stage):
            if not isinstance(dimension, Searched) or (name in shown and dimension.tied == "network"):
                continue
            if dimension.tied == "network":
                shown[name] = number
            where = 0 if dimension.tied == "network" else number
            options = [option for option in dimension.options if not isinstance(option, str)]
            if len(options) < len(dimension.options):
                left.append(Unmoved(where, name, "`global` is no number"))
            elif name == "window" and len({min(option, side) for option in options}) < len(options):
                left.append(Unmoved(where, name, f"several windows are its whole {side}×{side} map"))
            elif len(options) < 2:
                left.append(Unmoved(where, name, f"{decimal(options[0])} is its one option"))
            else:
                step: Number | None = getattr(steps, name)
                apart = min(b - a for a, b in pairwise(options))
                layered = not of_a_stage(stage, name)
                far = apart if step is None else step
                found.append(Subspace(where, name, tuple(options), far, side, layered, number))
    return tuple(sorted(found, key=lambda part: part.stage)), tuple(sorted(left, key=lambda one: one.stage))
