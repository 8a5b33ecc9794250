"""Random crops of many small pictures of one size at once, for data that lies in memory as one array.

Cropping digits one by one would take longer than training on them. The law is that of the crops of `augment`; only
the interpolation differs (bilinear, for crops that hardly change the scale).
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from spacelang.recipe import Train
from spacelang_runtime.seeding import seed_of

LOG_ASPECT = math.log(4 / 3)  # crops are between 3:4 and 4:3, as in timm


def random_crops(images: Tensor, recipe: Train, step: int, rank: int, world: int) -> Tensor:
    """Random crops of images (uint8 [b, channels, side, side]), the same shape.

    Draws for the whole batch of the step and takes the rank's rows, so a view does not depend on the world.
    """
    if recipe.crop >= 1:
        return images
    draws = np.random.default_rng(seed_of("light", recipe.seed, step)).random((recipe.batch, 4), dtype=np.float32)
    scale, aspect, left, top = torch.from_numpy(draws[rank::world]).unbind(1)
    area = float(recipe.crop) + (1 - float(recipe.crop)) * scale
    stretch = torch.exp(LOG_ASPECT * (2 * aspect - 1) / 2)
    width, height = (area.sqrt() * stretch).clamp(max=1), (area.sqrt() / stretch).clamp(max=1)
    # In grid_sample's coordinates the image spans -1 to 1, so a crop of width w may be moved by ±(1 - w).
    rows = [width, torch.zeros_like(width), (1 - width) * (2 * left - 1)]
    rows += [torch.zeros_like(width), height, (1 - height) * (2 * top - 1)]
    grid = affine_grid(torch.stack(rows, 1).view(-1, 2, 3), list(images.shape), align_corners=False)
    views = grid_sample(images.to(torch.float32), grid, padding_mode="border", align_corners=False)
    return views.round_().clamp_(0, 255).to(torch.uint8)
