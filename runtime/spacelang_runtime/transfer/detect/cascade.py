"""The three box stages of Cascade R-CNN (Cai and Vasconcelos, 2018), over torchvision's parts.

Each stage classifies boxes and moves them; the next one begins with the moved boxes, and calls a box an object only
from a higher overlap. A stage's regression is class-agnostic, and its offsets are scaled by weights of its own,
since later stages have less to correct.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.detection._utils import BoxCoder
from torchvision.models.detection.faster_rcnn import TwoMLPHead
from torchvision.ops import MultiScaleRoIAlign, batched_nms, clip_boxes_to_image

from spacelang_runtime.transfer.detect.assign import assign, sample
from spacelang_runtime.transfer.detect.views import Targets

# Section 4.1 and 5 of the paper, as MMDetection and Detectron2 have it: IoU, regression weights, weight of the
# losses.
STAGES = (
    (0.5, (10.0, 10.0, 5.0, 5.0), 1.0),
    (0.6, (20.0, 20.0, 10.0, 10.0), 0.5),
    (0.7, (30.0, 30.0, 15.0, 15.0), 0.25),
)
OBJECTS = 0.25  # share of a stage's samples
SCORE, OVERLAP, MOST = 0.05, 0.5, 100  # of what is detected: lowest score, largest IoU of two of one class, number
LOSSES = tuple(f"{what} {stage}" for stage in (1, 2, 3) for what in ("class", "box"))

Size = tuple[int, int]


class Matched(NamedTuple):
    """Boxes that overlap objects of their photo, and which. boxes: [n, 4]; objects: [n]."""

    boxes: Tensor
    objects: Tensor


class Detected(NamedTuple):
    """What was found on a photo, the surest first. boxes: [n, 4]; scores: [n]; labels: [n], from 1."""

    boxes: Tensor
    scores: Tensor
    labels: Tensor


class Stage(nn.Module):
    """One stage: what boxes are and where they should be. pooled [n, C, 7, 7] → logits [n, 1 + classes], offsets
    [n, 4]."""

    def __init__(self, channels: int, side: int, hidden: int, classes: int) -> None:
        super().__init__()
        self.head = TwoMLPHead(channels * side * side, hidden)
        self.classify = nn.Linear(hidden, classes + 1)
        self.move = nn.Linear(hidden, 4)
        for layer, deviation in ((self.classify, 0.01), (self.move, 0.001)):
            nn.init.normal_(layer.weight, std=deviation)
            nn.init.zeros_(layer.bias)

    def forward(self, pooled: Tensor) -> tuple[Tensor, Tensor]:
        x = self.head(pooled)
        return self.classify(x).float(), self.move(x).float()


class Cascade(nn.Module):
    """The three stages. pool: of the pyramid's maps, shared by all."""

    def __init__(self, pool: MultiScaleRoIAlign, channels: int, hidden: int, classes: int, samples: int) -> None:
        super().__init__()
        self.pool = pool
        self.samples = samples
        self.stages = nn.ModuleList(Stage(channels, pool.output_size[0], hidden, classes) for _ in STAGES)

    def losses(
        self, maps: dict[str, Tensor], boxes: list[Tensor], targets: Sequence[Targets], sizes: list[Size]
    ) -> tuple[dict[str, Tensor], list[Matched]]:
        """The losses of all stages from proposals (one [n, 4] a photo), and the objects among the boxes of the
        first stage, which the mask head learns from: it has the most of them."""
        losses: dict[str, Tensor] = {}
        first: list[Matched] = []
        for number, (stage, (threshold, weights, weight)) in enumerate(zip(self.stages, STAGES, strict=True), 1):
            coder = BoxCoder(weights)
            chosen, which, own = self.choose(boxes, targets, threshold)
            logits, offsets = stage(self.pool(maps, chosen, sizes))
            losses |= stage_losses(number, weight, coder, logits, offsets, chosen, which, targets)
            if number == 1:
                first = [Matched(b[w >= 0], w[w >= 0]) for b, w in zip(chosen, which, strict=True)]
            moved = refine(coder, offsets.detach(), chosen, sizes)
            # The objects' own boxes were added for this stage; the next adds them anew.
            boxes = [b[~added] for b, added in zip(moved, own, strict=True)]
        return losses, first

    def choose(
        self, boxes: list[Tensor], targets: Sequence[Targets], threshold: float
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        """The boxes that a stage learns from, a photo each: boxes [n, 4]; the object of each or BACKGROUND [n];
        whether it is an object's own box, which is added to the candidates [n]."""
        chosen, which, own = [], [], []
        for candidates, target in zip(boxes, targets, strict=True):
            both = torch.cat([candidates, target.boxes])
            assigned = assign(both, target.boxes, target.crowds, threshold)
            places = sample(assigned, self.samples, OBJECTS)
            chosen.append(both[places])
            which.append(assigned[places])
            own.append(places >= len(candidates))
        return chosen, which, own

    def detect(self, maps: dict[str, Tensor], boxes: list[Tensor], sizes: list[Size]) -> list[Detected]:
        """What is found, beginning with proposals: boxes are moved three times, scores are the mean of all
        stages."""
        scores = torch.zeros(())
        for stage, (_, weights, _) in zip(self.stages, STAGES, strict=True):
            logits, offsets = stage(self.pool(maps, boxes, sizes))
            scores = scores + logits.softmax(-1) / len(STAGES) if scores.ndim else logits.softmax(-1) / len(STAGES)
            boxes = refine(BoxCoder(weights), offsets, boxes, sizes)
        shared = scores.split([len(b) for b in boxes])
        return [select(b, s[:, 1:]) for b, s in zip(boxes, shared, strict=True)]


def refine(coder: BoxCoder, offsets: Tensor, boxes: list[Tensor], sizes: list[Size]) -> list[Tensor]:
    """Boxes moved by offsets [all boxes, 4] and cut to their photos."""
    moved = coder.decode(offsets, boxes).reshape(-1, 4).split([len(b) for b in boxes])
    return [clip_boxes_to_image(b, size) for b, size in zip(moved, sizes, strict=True)]


def stage_losses(
    number: int,
    weight: float,
    coder: BoxCoder,
    logits: Tensor,
    offsets: Tensor,
    boxes: list[Tensor],
    which: list[Tensor],
    targets: Sequence[Targets],
) -> dict[str, Tensor]:
    """Cross-entropy over all boxes; smooth L1 of the offsets of those that are objects, over the number of all."""
    labels, wanted = [], []
    for own, objects, target in zip(boxes, which, targets, strict=True):
        found = objects >= 0
        label = torch.zeros_like(objects)
        label[found] = target.labels[objects[found]]
        labels.append(label)
        wanted.append(coder.encode_single(target.boxes[objects[found]], own[found]))
    label = torch.cat(labels)
    distance = F.smooth_l1_loss(offsets[label > 0], torch.cat(wanted), reduction="sum")
    return {
        f"class {number}": weight * F.cross_entropy(logits, label),
        f"box {number}": weight * distance / max(1, len(label)),
    }


def select(boxes: Tensor, scores: Tensor) -> Detected:
    """The detections of a photo: boxes [n, 4] with scores [n, classes], without those that overlap a surer one of
    their class."""
    place, of = torch.where(scores > SCORE)
    kept, sure = boxes[place], scores[place, of]
    keep = batched_nms(kept, sure, of, OVERLAP)[:MOST]
    return Detected(kept[keep], sure[keep], of[keep] + 1)
