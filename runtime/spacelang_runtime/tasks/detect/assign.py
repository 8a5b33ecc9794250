"""Which boxes a stage learns from, and what each of them is. Everything is asked of many photos at once, in shapes
that do not depend on the answer: a GPU is never waited for."""

from __future__ import annotations

import torch
from torch import Tensor

BACKGROUND, IGNORED = -1, -2
COVERED = 0.5  # share of a box inside a crowd from which it is no background


def assign(boxes: Tensor, truth: Tensor, crowds: Tensor, threshold: float) -> Tensor:
    """For each box [..., n, 4] the object of `truth` [..., m, 4] that it overlaps most, if by an IoU of
    `threshold` or more: [..., n]; else BACKGROUND, or IGNORED where half of it or more lies in a region of
    `crowds` [..., k, 4]. An empty box is IGNORED; an empty object or crowd is none."""
    if truth.shape[-2]:
        overlap, which = overlaps(boxes, truth).max(-1)
        assigned = torch.where(overlap >= threshold, which, BACKGROUND)
    else:
        assigned = torch.full(boxes.shape[:-1], BACKGROUND, device=boxes.device)
    hidden = (covered(boxes, crowds) >= COVERED) | (area(boxes) <= 0)
    return torch.where((assigned == BACKGROUND) & hidden, IGNORED, assigned)


def sample(assigned: Tensor, count: int, share: float) -> tuple[Tensor, Tensor]:
    """`count` boxes (or all, where there are fewer) by chance, at most a `share` of them objects, the rest
    background: [..., n] → their places [..., count], objects first, and what they are [..., count]. Where these
    do not suffice, others follow as IGNORED."""
    chance = torch.rand(assigned.shape, device=assigned.device)
    most = min(int(count * share), assigned.shape[-1])
    objects = torch.where(assigned >= 0, chance, -1.0)
    chosen = (objects >= 0) & (objects >= objects.topk(most).values.amin(-1, keepdim=True) if most else False)
    order = torch.where(chosen, 2 + chance, torch.where(assigned == BACKGROUND, chance, -1.0))
    first = order.topk(min(count, assigned.shape[-1]))
    return first.indices, torch.where(first.values < 0, IGNORED, assigned.gather(-1, first.indices))


def overlaps(boxes: Tensor, others: Tensor) -> Tensor:
    """The IoU of each box [..., n, 4] with each other one [..., m, 4]: [..., n, m]; 0 for an empty box."""
    shared = intersections(boxes, others)
    return shared / (area(boxes)[..., :, None] + area(others)[..., None, :] - shared).clamp(min=1e-6)


def covered(boxes: Tensor, regions: Tensor) -> Tensor:
    """The largest share of each box [..., n, 4] that lies in one of the regions [..., k, 4]: [..., n]."""
    if not regions.shape[-2]:
        return boxes.new_zeros(boxes.shape[:-1])
    return intersections(boxes, regions).amax(-1) / area(boxes).clamp(min=1e-6)


def intersections(boxes: Tensor, others: Tensor) -> Tensor:
    """The pixels that each box [..., n, 4] shares with each other one [..., m, 4]: [..., n, m]."""
    (left, top, right, bottom), (west, north, east, south) = (
        boxes[..., :, None, :].unbind(-1),
        others[..., None, :, :].unbind(-1),
    )
    wide = (torch.minimum(right, east) - torch.maximum(left, west)).clamp_(min=0)
    return wide.mul_((torch.minimum(bottom, south) - torch.maximum(top, north)).clamp_(min=0))


def area(boxes: Tensor) -> Tensor:
    """The pixels of boxes, [..., 4] → [...]."""
    left, top, right, bottom = boxes.unbind(-1)
    return (right - left) * (bottom - top)


def at(boxes: Tensor, places: Tensor) -> Tensor:
    """The boxes [B, n, 4] at places [B, k]: [B, k, 4]."""
    return boxes.gather(1, places[..., None].expand(-1, -1, 4))
