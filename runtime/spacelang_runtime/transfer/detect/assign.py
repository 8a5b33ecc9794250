"""Which boxes a stage learns from, and what each of them is."""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.ops import box_area, box_iou

BACKGROUND, IGNORED = -1, -2
COVERED = 0.5  # share of a box inside a crowd from which it is no background


def assign(boxes: Tensor, truth: Tensor, crowds: Tensor, threshold: float) -> Tensor:
    """For each box [n, 4] the object of `truth` [m, 4] that it overlaps most, if by an IoU of `threshold` or more:
    [n]; else BACKGROUND, or IGNORED where half of it or more lies in a region of `crowds` [k, 4]."""
    if len(truth):
        overlap, which = box_iou(boxes, truth).max(1)
        found = torch.where(overlap >= threshold, which, BACKGROUND)
    else:
        found = torch.full((len(boxes),), BACKGROUND, device=boxes.device)
    return torch.where((found == BACKGROUND) & (covered(boxes, crowds) >= COVERED), IGNORED, found)


def covered(boxes: Tensor, regions: Tensor) -> Tensor:
    """The largest share of each box [n, 4] that lies in one of the regions [k, 4]: [n]."""
    if not len(regions):
        return boxes.new_zeros(len(boxes))
    upper = torch.maximum(boxes[:, None, :2], regions[None, :, :2])
    lower = torch.minimum(boxes[:, None, 2:], regions[None, :, 2:])
    inside = (lower - upper).clamp(min=0).prod(-1)
    return (inside / box_area(boxes).clamp(min=1e-6)[:, None]).amax(1)


def sample(assigned: Tensor, count: int, share: float) -> Tensor:
    """The places of up to `count` boxes by chance, at most a `share` of them objects, the rest background: objects
    first."""
    objects = torch.where(assigned >= 0)[0]
    background = torch.where(assigned == BACKGROUND)[0]
    objects = objects[torch.randperm(len(objects), device=objects.device)[: int(count * share)]]
    rest = torch.randperm(len(background), device=background.device)[: count - len(objects)]
    return torch.cat([objects, background[rest]])
