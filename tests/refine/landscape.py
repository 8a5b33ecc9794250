"""Landscapes: the error of a network as a known function of its dimensions, plus what it has still to learn, plus
noise. No network is trained."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import numpy as np
from attrs import evolve, field, frozen

from spacelang.check import compile_text
from spacelang.expression import Number
from spacelang.lower.lowered import lower
from spacelang.recipe import Refine
from spacelang.refinement.account import Account
from spacelang.refinement.curve import Curve, curve, to_come
from spacelang.refinement.loop import CandidateSpace, Finding, Outcome, RefinementRule, refined
from spacelang.refinement.next import Next, next_space
from spacelang.refinement.paired import profile
from spacelang.refinement.ruler import PerImageScores, smoothed
from spacelang.refinement.sample import Sample, drawn
from spacelang.refinement.slope import MeasuredSpace, measured
from spacelang.refinement.subspace import Subspace, subspaces
from spacelang.source import Source
from spacelang.space import Space

Place = tuple[int, str]
RISE = 0.35  # of a gap, with each step

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
    """error = 0.3 + Σ bend · (steps from the best value)² / 2 over the dimensions that matter
             + Σ gap · exp(RISE · steps above the first space's middle) · length^(−power) over those that are slow,
    plus noise.

    best, bend: of the dimensions that matter; no other has any influence once all is learned. noise: its standard
    deviation, of each network's own; luck: of each training's. gap: of each dimension in which larger networks
    learn more slowly, what a network in the middle has still to learn at the end of a training of length 1.
    """

    best: Mapping[Place, float]
    bend: Mapping[Place, float]
    noise: float
    luck: float = 0.0
    gap: Mapping[Place, float] = field(factory=dict)
    power: float = 1.0

    def errors(self, values: Mapping[Place, np.ndarray], steps: Mapping[Place, float], length: float) -> np.ndarray:
        """Of networks by their values in each dimension, after a training of that length."""
        bent = sum(
            bend / 2 * ((values[place] - self.best[place]) / steps[place]) ** 2 for place, bend in self.bend.items()
        )
        unlearned = sum(
            gap * np.exp(RISE * (values[place] - MIDDLES[place]) / steps[place]) for place, gap in self.gap.items()
        )
        return 0.3 + bent + unlearned * length**-self.power


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


def uneven(seed: int) -> Landscape:
    """The same with networks that learn the more slowly the wider and the deeper they are, in each stage at a rate
    of its own: by the errors at the end of a training, narrow and shallow ones look better by one or two points a
    step."""
    chance = random.Random(f"slow {seed}")
    gap = {
        (p.stage, p.dimension): chance.uniform(0.03, 0.06)
        for p in parts_of(SPACE)
        if p.dimension in ("depth", "embed")
    }
    return evolve(landscape(seed), luck=0.003, gap=gap, power=chance.uniform(0.7, 1.5))


def parts_of(text: str) -> tuple[Subspace, ...]:
    """The subspaces of a text."""
    return subspaces(compiled(text), Refine().steps)[0]


def middles(text: str) -> dict[Place, Number]:
    """The middle of the options of each subspace."""
    return {(p.stage, p.dimension): (p.options[0] + p.options[-1]) / 2 for p in parts_of(text)}


def options(text: str) -> dict[Place, tuple[Number, ...]]:
    """The options of each subspace."""
    return {(p.stage, p.dimension): p.options for p in parts_of(text)}


def one_round(text: str, land: Landscape, recipe: Refine, seed: int) -> tuple[Next, MeasuredSpace]:
    """Draw, score on the landscape, and move."""
    parts, samples = networks(text, recipe, seed)
    (errors,) = scored(parts, samples, land, seed, [1.0])
    share = recipe.top / recipe.samples
    found = measured(samples, errors, parts, share, float(recipe.confidence), seed, resamples=100)
    return next_space(Source("land.space", text), recipe, found.slopes), found


def networks(text: str, recipe: Refine, seed: int) -> tuple[tuple[Subspace, ...], tuple[Sample, ...]]:
    """The subspaces of a text, and the networks that it is judged by."""
    lowered = lower(compiled(text))
    parts, _ = subspaces(lowered.space, recipe.steps)
    return parts, drawn(lowered, evolve(recipe, seed=seed), {}, parts)


def scored(
    parts: tuple[Subspace, ...], samples: tuple[Sample, ...], land: Landscape, seed: int, lengths: Sequence[float]
) -> list[np.ndarray]:
    """The errors of networks after a training of each length."""
    steps = {(p.stage, p.dimension): float(p.step) for p in parts}
    shares = {
        (p.stage, p.dimension): np.array([p.shares(s.architecture) for s in samples]) @ np.array(p.options, float)
        for p in parts
    }
    own = np.random.default_rng(seed).normal(0.0, land.noise, len(samples))
    return [
        land.errors(shares, steps, length)
        + own
        + np.random.default_rng([seed, round(100 * length)]).normal(0.0, land.luck, len(samples))
        for length in lengths
    ]


def loop(land: Landscape, recipe: Refine, rounds: int, rule: RefinementRule, seed: int) -> Outcome:
    """The whole loop on a landscape. Its images are all alike but for how hard they are."""
    hard = np.random.default_rng(seed).normal(0.0, 0.05, 100)
    hard -= hard.mean()
    share = recipe.top / recipe.samples
    first: list[Curve] = []

    def judge(candidate: CandidateSpace) -> Finding:
        own = 1000 * seed + candidate.number
        parts, samples = networks(candidate.source.text, recipe, own)
        errors_ = scored(parts, samples, land, own, (0.25, 0.5, 1.0))
        quarter, half, whole = (told(one, hard, own) for one in errors_)
        first.append(curve(quarter, half, whole))
        later = to_come(half, whole, first[0], samples, parts) if rule == "extrapolated" else None
        errors = smoothed(whole, later.told if later else None)
        found = measured(
            samples, errors, parts, share, float(recipe.confidence), own, 100, later.doubts if later else ()
        )
        following = next_space(candidate.source, recipe, found.slopes)
        return Finding(
            account(candidate, recipe, found, following), profile(whole, share, own, later, len(found.errors))
        )

    return refined(CandidateSpace(1, "land", Source("land.space", SPACE)), recipe, rounds, rule, judge)


def told(errors: np.ndarray, hard: np.ndarray, seed: int) -> PerImageScores:
    """Networks on images, of which each has its own luck with each network."""
    luck = np.random.default_rng(seed).normal(0.0, 0.02, (len(errors), len(hard)))
    luck -= luck.mean(axis=1, keepdims=True)
    values = errors[:, None] + hard[None] + luck
    return PerImageScores(values, values)


def account(candidate: CandidateSpace, recipe: Refine, found: MeasuredSpace, following: Next) -> Account:
    """The account of a space on a landscape."""
    return Account(
        space=candidate.name,
        run="",
        step=0,
        images=100,
        bounds=(),
        threshold=recipe.threshold,
        confidence=recipe.confidence,
        scored=len(found.errors),
        quality=found.quality,
        errors=found.errors,
        moves=following.moves,
        left=(),
        next=following.name if following.text else None,
    )


MIDDLES = {place: float(middle) for place, middle in middles(SPACE).items()}
