"""Suppression of boxes by surer ones, in many groups at once."""

from __future__ import annotations

import torch
from torch import Tensor

from spacelang_runtime.tasks.detect.assign import area, intersections

ROUNDS = 32  # even: what is not settled by then stays


def surviving(boxes: Tensor, overlap: float) -> Tensor:
    """Whether each box of a group, [groups, n, 4] with the surest first, remains when every box that remains drops
    the later ones that overlap it by an IoU of more than `overlap`: [groups, n].

    Cluster-NMS (Zheng et al., 2020): begin with all; a box then remains where none that remained in the last round
    drops it. A box whose fate hangs on a chain of k others is settled after k + 1 rounds, and such chains are
    short: after `ROUNDS` the answer is that of box after box (a test compares), without asking the GPU once.
    torchvision's kernel goes box after box, about a microsecond for each that remains, and waits for the GPU in
    each group."""
    shared = intersections(boxes, boxes)
    sizes = area(boxes)
    # Row j, column i: whether box i, the surer one, would drop box j (shared > overlap · union, without dividing).
    drops = shared * (1 + overlap) > overlap * (sizes[:, :, None] + sizes[:, None, :])
    drops = drops.tril_(-1)
    remains = torch.ones_like(sizes, dtype=torch.bool)
    for _ in range(ROUNDS):
        remains = ~(drops & remains[:, None, :]).any(-1)
    return remains
