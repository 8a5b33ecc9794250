"""Mixup (Zhang et al., 2018) and cutmix (Yun et al., 2019) by timm's law, and label smoothing: one draw a batch."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from spacelang.recipe import Train
from spacelang_runtime.seeding import seed_of


def mixed(
    images: Tensor, labels: Tensor, classes: int, recipe: Train, step: int, rank: int
) -> tuple[Tensor, Tensor]:
    """The images of a rank mixed with each other, and the soft targets that belong to them.

    images: float [b, channels, side, side], overwritten. labels: int64 [b]. Gives images and targets, float32
    [b, classes], every row adding up to 1. Each batch is mixed by mixup or by cutmix (by a fair coin where the
    recipe has both), with a weight drawn from Beta(alpha, alpha): image i with image b - 1 - i. Of an odd number of
    images the last stays as it is.
    """
    from timm.data.mixup import mixup_target  # as in `augment.view_of`

    smoothing = float(recipe.label_smoothing)
    pairs = len(images) // 2 * 2
    own, others = images[:pairs], images[:pairs].flip(0)
    weight = 1.0
    if pairs and (recipe.mixup or recipe.cutmix):
        # Not by timm's classes: they draw from the global generators, which are the trainer's.
        chance = np.random.default_rng(seed_of("mix", recipe.seed, step, rank))
        cut = bool(recipe.cutmix) and (not recipe.mixup or chance.random() < 0.5)
        alpha = float(recipe.cutmix if cut else recipe.mixup)
        weight = float(chance.beta(alpha, alpha))
        if cut:
            top, bottom, left, right = box(chance, weight, *images.shape[2:])
            own[:, :, top:bottom, left:right] = others[:, :, top:bottom, left:right]
            weight = 1 - (bottom - top) * (right - left) / images[0, 0].numel()
        else:
            own.mul_(weight).add_(others.mul_(1 - weight))
    targets = mixup_target(labels[:pairs], classes, weight, smoothing)
    alone = mixup_target(labels[pairs:], classes, smoothing=smoothing)
    return images, torch.cat([targets, alone])


def box(chance: np.random.Generator, weight: float, height: int, width: int) -> tuple[int, int, int, int]:
    """Top, bottom, left, right of a rectangle of the share 1 - weight, around any pixel, cut off at the edges."""
    share = (1 - weight) ** 0.5
    across = [int(length * share) // 2 for length in (height, width)]
    middle = [int(chance.integers(length)) for length in (height, width)]
    edges = []
    for at, half, length in zip(middle, across, (height, width), strict=True):
        edges += [max(at - half, 0), min(at + half, length)]
    top, bottom, left, right = edges
    return top, bottom, left, right
