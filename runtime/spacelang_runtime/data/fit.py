"""A recipe's batch on fewer images than it was written for."""

from __future__ import annotations

from fractions import Fraction
from math import sqrt

import attrs

from spacelang.recipe import Train

STEPS = 8  # an epoch, at least, where the batch allows it


def fitting(recipe: Train, images: int, processes: int = 1) -> int:
    """The batch that makes some steps of an epoch of so many images, and can be shared out among processes and,
    where batches are split, among the networks of a sandwich."""
    least = processes * (recipe.sandwich.size if recipe.batches == "split" else 1)
    return max(1, images // STEPS // least) * least


def fitted(recipe: Train, images: int, processes: int = 1) -> Train:
    """The recipe with a batch that fits. A learning rate that it states goes with the square root of the batch, as
    is right for Adam (Malladi et al., 2022, https://arxiv.org/abs/2205.10287); else the recipe's own rule holds."""
    batch = fitting(recipe, images, processes)
    if recipe.learning_rate is None:
        return attrs.evolve(recipe, batch=batch)
    rate = float(recipe.learning_rate) * sqrt(batch / recipe.batch)
    return attrs.evolve(recipe, batch=batch, learning_rate=Fraction(f"{rate:.2g}"))
