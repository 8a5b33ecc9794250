"""Spaces and networks that the tests of the model part run: the shipped ones, and small ones made to be awkward."""

from __future__ import annotations

import random
from functools import cache

import torch
from torch import nn

from spacelang.architecture import Architecture, Frame, Stage
from spacelang.check import compile_text
from spacelang.lower.lowered import Lowered, lower
from spacelang.project import loader
from spacelang.resources import folder
from spacelang.source import read
from spacelang.space import Dimension, Searched, Settled, Space, StageSpace

SHIPPED = tuple(sorted(path.stem for path in folder("spaces").glob("*.space")))


@cache
def shipped(name: str) -> Lowered:
    source = read(folder("spaces") / f"{name}.space")
    space = compile_text(source, loader(source.name)).space
    assert space is not None
    return lower(space)


def stage(depth: Dimension, embed: Dimension, heads: Dimension, qkv: Dimension, window: Dimension) -> StageSpace:
    return StageSpace(depth, embed, heads, qkv, Searched((1, 2)), window, head_dim=Settled(4))


# A map of 13×13, then 7×7, then 4×4: odd sides to merge; windows that divide, that do not, and that cover the
# map; heads as wide as 2, 3, 4, 6, … channels, apart from the width of the stage.
PYRAMID = (
    stage(Searched((2, 3)), Searched((6, 10)), Searched((1, 2)), Searched((6, 8)), Searched((3, 5, 13))),
    stage(Searched((1, 2)), Searched((8, 14)), Searched((2, 3)), Searched((12, 18)), Searched((2, 7))),
    stage(Searched((1, 3)), Searched((12, 16)), Searched((2, 4)), Searched((8, 20)), Searched((3, 4))),
)
COLUMN = (stage(Searched((1, 3)), Searched((8, 12)), Searched((2, 3)), Searched((12, 18)), Settled("global")),)
MIXED = (
    stage(Searched((2, 3)), Searched((8, 12)), Searched((2, 3)), Searched((12, 18)), Searched((2, 4, "global"))),
)

AWKWARD = {
    "pyramid": Space("pyramid", 2026, Frame(52, 4, 3, 5, ("bias",), "none", "mean", True), PYRAMID),
    "pyramid with all positions": Space(
        "all", 2026, Frame(52, 4, 3, 5, ("absolute", "bias", "relative"), "none", "mean", False), PYRAMID
    ),
    "pyramid without positions": Space("none", 2026, Frame(52, 4, 1, 5, (), "none", "mean", True), PYRAMID),
    "column": Space("column", 2026, Frame(20, 4, 3, 5, ("absolute", "relative"), "class", "mean", False), COLUMN),
    "column read by its token": Space(
        "token", 2026, Frame(20, 4, 3, 5, ("absolute", "bias", "relative"), "class", "token", True), COLUMN
    ),
    "column with windows": Space("mixed", 2026, Frame(20, 4, 3, 5, ("bias",), "none", "mean", False), MIXED),
}


def draw(lowered: Lowered, rng: random.Random) -> Architecture:
    """Any network of a space; every one can come."""
    stages: list[Stage] = []
    before = 0
    for number, cells in enumerate(lowered.legal.stages):
        free = [i for i in range(len(cells)) if not number or (before, i) in lowered.legal.links[number - 1]]
        before = rng.choice(free)
        cell = cells[before]
        stages.append(Stage(cell.embed, tuple(rng.choice(cell.options) for _ in range(cell.depth))))
    return Architecture(lowered.space.frame, tuple(stages))


def stirred(model: nn.Module, seed: int = 0) -> nn.Module:
    """A model all of whose weights matter: none at the zeros and ones that they begin with."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            parameter.add_((0.2 * noise).to(parameter.dtype))
    return model
