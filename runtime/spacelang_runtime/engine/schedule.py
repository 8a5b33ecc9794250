"""How far a training has come, and the learning rate there.

Progress is a fraction from 0 to 1: of the updates that the run may make, or of the seconds that it may take,
whichever is further. The learning rate follows progress, so a run that ends by the clock cools down as fully as
one that ends by its count. A run resumed with larger limits has come less far by them: its rate goes on where a
single run of the larger limits would be.

**The peak** of a recipe is for as many updates as its epochs have. By the law `sqrt` it is divided by √n in a run
of n times as many, as the best rate of gradient descent is (Defazio et al., 2023, arXiv 2310.07831). How many
updates a run of so many seconds will have made is told by those that it has made. What slow first steps tell wrong
is bounded, and fades while the rate rises.
"""

from __future__ import annotations

import math

from attrs import frozen

from spacelang.recipe import RateLaw, Train
from spacelang_runtime.engine.record import Limits

FARTHEST = 16  # times as many updates, or as few, up to which the law of the rate holds


@frozen
class Schedule:
    """Linear warm-up, then a cosine (Loshchilov and Hutter, 2017). peak, floor: learning rates. warmup: the share
    of progress that warming up takes. law: how the peak follows from the number of updates; updates: for how many
    it is `peak`."""

    peak: float
    floor: float
    warmup: float
    law: RateLaw
    updates: int

    def rate(self, progress: float, updates: float) -> float:
        """The learning rate at a progress from 0 to 1 of a run of so many updates."""
        peak = self.peak_of(updates)
        floor = min(self.floor, peak)
        if progress < self.warmup:
            return peak * progress / self.warmup
        share = (progress - self.warmup) / (1 - self.warmup) if self.warmup < 1 else 0.0
        return floor + (peak - floor) * (1 + math.cos(math.pi * share)) / 2

    def peak_of(self, updates: float) -> float:
        """The peak of a run of so many updates."""
        match self.law:
            case "constant":
                return self.peak
            case "sqrt":
                return self.peak / math.sqrt(min(FARTHEST, max(1 / FARTHEST, updates / self.updates)))


def schedule(recipe: Train, steps_per_epoch: int) -> Schedule:
    """The schedule of a recipe. Its epochs of warm-up count as a share of its epochs: a shorter run warms up
    for as much less."""
    return Schedule(
        peak=float(recipe.rate),
        floor=float(recipe.min_learning_rate),
        warmup=min(1.0, float(recipe.warmup) / recipe.epochs),
        law=recipe.rate_law,
        updates=recipe.epochs * steps_per_epoch,
    )


def limits(recipe: Train, steps_per_epoch: int, steps: int | None = None, budget: float | None = None) -> Limits:
    """The limits of a run: the recipe's epochs where no number of steps is given."""
    return Limits(steps if steps is not None else recipe.epochs * steps_per_epoch, budget)


def progress(limits: Limits, step: int, elapsed: float) -> float:
    """How far a run is that has made `step` updates in `elapsed` seconds, from 0 to 1."""
    spent = elapsed / limits.budget if limits.budget else 0.0
    return min(1.0, max(step / limits.steps, spent))


def expected_updates(limits: Limits, step: int, elapsed: float) -> float:
    """How many updates a run will have made at its end, by the `step` that it has made in `elapsed` seconds."""
    if limits.budget is None or not step or elapsed <= 0:
        return limits.steps
    return min(limits.steps, step * limits.budget / elapsed)


def remaining(limits: Limits, step: int, elapsed: float, seconds: float) -> float:
    """Seconds until a run ends that takes so many seconds a step."""
    by_count = (limits.steps - step) * seconds
    return max(0.0, by_count if limits.budget is None else min(by_count, limits.budget - elapsed))


def finished(limits: Limits, step: int, elapsed: float) -> bool:
    """Whether a run has come to its end."""
    return progress(limits, step, elapsed) >= 1
