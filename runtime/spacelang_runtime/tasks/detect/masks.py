"""Masks: what the mask head is taught, and its answers in a photo."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.ops import roi_align

from spacelang_runtime.tasks.detect.assign import at
from spacelang_runtime.tasks.detect.transforms import Targets


def mask_loss(logits: Tensor, boxes: Tensor, which: Tensor, targets: Targets) -> Tensor:
    """Binary cross-entropy of the mask of each box's own class (He et al., 2017), over the boxes [B, n, 4] that
    are an object's: which [B, n], less than 0 for the others. logits: [B·n, 1 + classes, side, side]."""
    objects = (which >= 0).flatten()
    label = targets.labels.gather(1, which.clamp(min=0)).flatten()
    said = logits.gather(1, label[:, None, None, None].expand(-1, 1, *logits.shape[2:]))[:, 0]
    wanted = seen_through(boxes, which, targets, logits.shape[-1])
    loss = F.binary_cross_entropy_with_logits(said, wanted, reduction="none").mean((1, 2))
    return (loss * objects).sum() / objects.sum().clamp(min=1)


def seen_through(boxes: Tensor, which: Tensor, targets: Targets, side: int) -> Tensor:
    """The part of an object's mask that a box shows, and nothing where the box is larger: boxes [B, n, 4], the
    object of each [B, n] → [B·n, side, side] from 0 to 1. Where there is no object, whatever costs least."""
    photos, most, fine = targets.masks.shape[:3]
    number = which.clamp(min=0)
    own = at(targets.boxes, number)
    corner, far = own[..., :2].repeat(1, 1, 2), own[..., 2:].repeat(1, 1, 2)
    inside = (boxes - corner) / (far - corner).clamp(min=1e-6) * fine  # in places of the object's mask
    inside = torch.where((which >= 0)[..., None], inside, 0.0)
    number = number + most * torch.arange(photos, device=which.device)[:, None]
    rois = torch.cat([number[..., None].to(inside.dtype), inside], -1).flatten(0, 1)
    return roi_align(targets.masks.flatten(0, 1)[:, None].float(), rois, side, aligned=True)[:, 0]


def pasted(masks: Tensor, boxes: Tensor, high: int, wide: int) -> Tensor:
    """Masks [n, side, side], from 0 to 1, in photos of their own: bool [n, high, wide], true where the mask,
    stretched over its box [n, 4], is more than a half. Bilinear weights are the product of one for the row and
    one for the column, so that stretching is two products of matrices."""
    side = masks.shape[-1]

    def weights(first: Tensor, last: Tensor, length: int) -> Tensor:
        """[n, length, side]: how much each place of the mask counts for each pixel."""
        pixel = torch.arange(length, device=masks.device) + 0.5
        place = (pixel - first[:, None]) / (last - first).clamp(min=1e-6)[:, None] * side - 0.5
        return (1 - (place[..., None] - torch.arange(side, device=masks.device)).abs()).clamp(min=0)

    left, top, right, bottom = boxes.unbind(1)
    with torch.autocast(masks.device.type, enabled=False):
        return weights(top, bottom, high) @ masks.float() @ weights(left, right, wide).transpose(1, 2) > 0.5
