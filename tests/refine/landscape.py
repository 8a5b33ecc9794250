"""Landscapes: the error of a network as a known function of its dimensions, plus noise. No network is trained."""

from __future__ import annotations

import random
from collections.abc import Mapping

from attrs import evolve, frozen

from spacelang.check import compile_text
from spacelang.expression import Number
from spacelang.lower.lowered import lower
from spacelang.recipe import Refine
from spacelang.refine.next import Next, next_space
from spacelang.refine.sample import drawn
from spacelang.refine.slope import Measured, measured
from spacelang.refine.subspace import Subspace, subspaces
from spacelang.source import Source
from spacelang.space import Space

Place = tuple[int, str]

# Nine subspaces that can move without one another.
SPACE = """edition 2026
space land
image   = 256
patch   = 4
classes = 10

stage 1 {
  depth in 4..6
  embed in 240..304 step 32
  each layer {
    heads  = 8
    mlp    in 4..5 step 0.5
    window = 8
  }
}

stage 2 {
  depth in 4..6
  embed in 240..304 step 32
  each layer {
    heads  = 8
    mlp    in 4..5 step 0.5
    window = 8
  }
}

stage 3 {
  depth in 7..9
  embed in 240..304 step 32
  each layer {
    heads  = 8
    mlp    in 4..5 step 0.5
    window = 8
  }
}
"""


@frozen
class Landscape:
    """error = 0.3 + Σ bend · (steps from the best value)² / 2 over the dimensions that matter, plus noise.

    best, bend: of the dimensions that matter; no other has any influence. noise: its standard deviation.
    """

    best: Mapping[Place, float]
    bend: Mapping[Place, float]
    noise: float

    def error(self, values: Mapping[Place, float], steps: Mapping[Place, float], chance: random.Random) -> float:
        bent = sum(
            bend / 2 * ((values[place] - self.best[place]) / steps[place]) ** 2 for place, bend in self.bend.items()
        )
        return 0.3 + bent + chance.gauss(0.0, self.noise)


def compiled(text: str) -> Space:
    space = compile_text(Source("land.space", text)).space
    assert space is not None
    return space


def landscape(seed: int, matter: int = 4) -> Landscape:
    """Some dimensions matter, each with its best value one to three steps from the middle of the first options."""
    chance = random.Random(seed)
    chosen = chance.sample(parts_of(SPACE), matter)
    best = {
        (p.stage, p.dimension): float(p.options[1]) + chance.choice((-3, -2, -1, 1, 2, 3)) * float(p.step)
        for p in chosen
    }
    bend = {place: chance.uniform(0.003, 0.006) for place in best}
    return Landscape(best, bend, noise=0.01)


def parts_of(text: str) -> tuple[Subspace, ...]:
    """The subspaces of a text."""
    return subspaces(compiled(text), Refine().steps)[0]


def middles(text: str) -> dict[Place, Number]:
    """The middle of the options of each subspace."""
    return {(p.stage, p.dimension): (p.options[0] + p.options[-1]) / 2 for p in parts_of(text)}


def options(text: str) -> dict[Place, tuple[Number, ...]]:
    """The options of each subspace."""
    return {(p.stage, p.dimension): p.options for p in parts_of(text)}


def one_round(text: str, land: Landscape, recipe: Refine, seed: int) -> tuple[Next, Measured]:
    """Draw, score on the landscape, and move."""
    lowered = lower(compiled(text))
    parts, _ = subspaces(lowered.space, recipe.steps)
    samples = drawn(lowered, evolve(recipe, seed=seed), {}, parts)
    chance = random.Random(seed)
    steps = {(p.stage, p.dimension): float(p.step) for p in parts}
    errors = []
    for sample in samples:
        values = {}
        for part in parts:
            shares = part.shares(sample.architecture)
            values[part.stage, part.dimension] = sum(
                share * float(option) for share, option in zip(shares, part.options, strict=True)
            )
        errors.append(land.error(values, steps, chance))
    share = recipe.top / recipe.samples
    found = measured(samples, errors, parts, share, float(recipe.confidence), seed, resamples=100)
    return next_space(Source("land.space", text), recipe, found.slopes), found
