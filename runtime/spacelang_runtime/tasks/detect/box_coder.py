"""Boxes as offsets from other boxes (Girshick et al., 2014, appendix C): what a stage is taught, and what it says.

torchvision's `BoxCoder` computes the same, but waits for the GPU in each call, and takes lists of photos.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

BoxWeights = tuple[float, float, float, float]
LARGEST = math.log(1000 / 16)  # of the logarithm by which a side grows


def encode(boxes: Tensor, wanted: Tensor, weights: BoxWeights) -> Tensor:
    """What moves boxes [..., 4] onto the wanted ones [..., 4]: centres by shares of the sides, sides by logarithms,
    each times its weight: [..., 4]. No box is empty."""
    (x, y, wide, high), (to_x, to_y, to_wide, to_high) = _centred(boxes), _centred(wanted)
    parts = ((to_x - x) / wide, (to_y - y) / high, (to_wide / wide).log(), (to_high / high).log())
    return torch.stack([weight * part for weight, part in zip(weights, parts, strict=True)], -1)


def decode(boxes: Tensor, by: Tensor, weights: BoxWeights) -> Tensor:
    """Boxes [..., 4] moved by offsets [..., 4]. An empty box in the corner of a photo stays there, empty."""
    x, y, wide, high = _centred(boxes)
    right, down, wider, higher = (part / weight for part, weight in zip(by.unbind(-1), weights, strict=True))
    x, y = x + right * wide, y + down * high
    wide, high = wide * wider.clamp(max=LARGEST).exp() / 2, high * higher.clamp(max=LARGEST).exp() / 2
    return torch.stack([x - wide, y - high, x + wide, y + high], -1)


def clip(boxes: Tensor, sizes: Tensor) -> Tensor:
    """Boxes [B, n, 4] cut to their photos, whose heights and widths are [B, 2]."""
    limits = sizes.flip(-1).repeat(1, 2)[:, None].to(boxes.dtype)
    return torch.minimum(boxes.clamp(min=0), limits)


def _centred(boxes: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The centres and sides of boxes."""
    left, top, right, bottom = boxes.unbind(-1)
    wide, high = right - left, bottom - top
    return left + wide / 2, top + high / 2, wide, high
