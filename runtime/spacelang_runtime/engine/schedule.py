"""How far a training has come, and the learning rate there.

Progress is a fraction from 0 to 1: of the updates that the run may make, or of the seconds that it may take,
whichever is further. The learning rate follows progress and nothing else, so a run that ends by the clock
cools down as fully as one that ends by its count. A run resumed with larger limits has come less far by
them: its rate goes on where a single run of the larger limits would be.
"""

from __future__ import annotations

import math

from attrs import frozen

from spacelang.recipe import Train
from spacelang_runtime.engine.record import Limits


@frozen
class Schedule:
    """Linear warm-up, then a cosine (Loshchilov and Hutter, 2017). peak, floor: learning rates.
    warmup: the share of progress that warming up takes."""

    peak: float
    floor: float
    warmup: float

    def rate(self, progress: float) -> float:
        """The learning rate at a progress from 0 to 1."""
        if progress < self.warmup:
            return self.peak * progress / self.warmup
        share = (progress - self.warmup) / (1 - self.warmup) if self.warmup < 1 else 0.0
        return self.floor + (self.peak - self.floor) * (1 + math.cos(math.pi * share)) / 2


def schedule(recipe: Train) -> Schedule:
    """The schedule of a recipe. Its epochs of warm-up count as a share of its epochs: a shorter run warms up
    for as much less."""
    peak = float(recipe.rate)
    floor = min(float(recipe.min_learning_rate), peak)
    return Schedule(peak, floor, warmup=min(1.0, float(recipe.warmup) / recipe.epochs))


def limits(recipe: Train, steps_per_epoch: int, steps: int | None = None, budget: float | None = None) -> Limits:
    """The limits of a run: the recipe's epochs where no number of steps is given."""
    return Limits(steps if steps is not None else recipe.epochs * steps_per_epoch, budget)


def progress(limits: Limits, step: int, elapsed: float) -> float:
    """How far a run is that has made `step` updates in `elapsed` seconds, from 0 to 1."""
    spent = elapsed / limits.budget if limits.budget else 0.0
    return min(1.0, max(step / limits.steps, spent))


def remaining(limits: Limits, step: int, elapsed: float, seconds: float) -> float:
    """Seconds until a run ends that takes so many seconds a step."""
    by_count = (limits.steps - step) * seconds
    return max(0.0, by_count if limits.budget is None else min(by_count, limits.budget - elapsed))


def finished(limits: Limits, step: int, elapsed: float) -> bool:
    """Whether a run has come to its end."""
    return progress(limits, step, elapsed) >= 1
