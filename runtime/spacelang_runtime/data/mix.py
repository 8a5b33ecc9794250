"""Mixup, cutmix and label smoothing (timm's), one draw for a batch."""

from __future__ import annotations

import torch
from timm.data.mixup import Mixup, mixup_target
from torch import Tensor

from spacelang.recipe import Train
from spacelang_runtime.data.chance import borrowed_generators, seed_generators, seed_of


def mixed(
    images: Tensor, labels: Tensor, classes: int, recipe: Train, step: int, rank: int
) -> tuple[Tensor, Tensor]:
    """The images of a rank mixed with each other, and the soft targets that belong to them.

    images: float [b, channels, side, side], overwritten. labels: int64 [b]. Gives images and targets, float32
    [b, classes], every row adding up to 1. Each batch is mixed by mixup or by cutmix (by a fair coin where the
    recipe has both), with a weight drawn from Beta(alpha, alpha); of an odd number of images the last stays as it
    is.
    """
    smoothing = float(recipe.label_smoothing)
    if not recipe.mixup and not recipe.cutmix:
        return images, mixup_target(labels, classes, smoothing=smoothing)
    mixup = Mixup(float(recipe.mixup), float(recipe.cutmix), label_smoothing=smoothing, num_classes=classes)
    pairs = len(images) // 2 * 2
    with borrowed_generators():
        seed_generators(seed_of("mix", recipe.seed, step, rank))
        _, targets = mixup(images[:pairs], labels[:pairs])
    alone = mixup_target(labels[pairs:], classes, smoothing=smoothing)
    return images, torch.cat([targets, alone])
