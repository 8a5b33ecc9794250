"""The learning rate of a transfer, as a factor of its peak. It follows progress (from 0 to 1) and nothing else, so
that a run cut short by `--steps` or `--budget` cools down as fully as a whole one."""

from __future__ import annotations

import math

from attrs import frozen

from spacelang_runtime.tasks.recipe import TaskTrain


@frozen
class Rate:
    """warmup: share of progress that warming up takes. kind, steps, power: see `recipe.TaskTrain`; steps as
    shares."""

    kind: str
    warmup: float
    steps: tuple[float, ...]
    power: float

    def factor(self, progress: float) -> float:
        """The learning rate at a progress, over its peak."""
        warm = min(1.0, progress / self.warmup) if self.warmup else 1.0
        match self.kind:
            case "step":
                # A share of 27/36 is met exactly by step 27·n of 36·n; the margin is for budgets.
                return warm * 0.1 ** sum(progress > step + 1e-9 for step in self.steps)
            case "poly":
                return warm * max(0.0, 1 - progress) ** self.power
            case _:
                return warm * (1 + math.cos(math.pi * progress)) / 2


def rate_of(recipe: TaskTrain, per_epoch: int) -> Rate:
    """The rate of a recipe on data of so many updates an epoch."""
    length = recipe.iterations_of(per_epoch)
    counted = recipe.epochs or length
    return Rate(
        kind=recipe.schedule,
        warmup=min(1.0, recipe.warmup / length),
        steps=tuple(step / counted for step in recipe.steps),
        power=recipe.power,
    )
