"""The three box stages of Cascade R-CNN (Cai and Vasconcelos, 2018), over torchvision's parts.

Each stage classifies boxes and moves them; the next one begins with the moved boxes, and calls a box an object
only from a higher overlap. A stage's regression is class-agnostic, and its offsets are scaled by weights of its
own, since later stages have less to correct."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.detection.faster_rcnn import TwoMLPHead
from torchvision.ops import batched_nms

from spacelang_runtime.tasks.detect.assign import IGNORED, area, assign, at, sample
from spacelang_runtime.tasks.detect.box_coder import BoxWeights, clip, decode, encode
from spacelang_runtime.tasks.detect.transforms import Targets

# Section 4.1 and 5 of the paper, as MMDetection and Detectron2 have it: IoU, regression weights, weight of the
# losses.
STAGES: tuple[tuple[float, BoxWeights, float], ...] = (
    (0.5, (10.0, 10.0, 5.0, 5.0), 1.0),
    (0.6, (20.0, 20.0, 10.0, 10.0), 0.5),
    (0.7, (30.0, 30.0, 15.0, 15.0), 0.25),
)
OBJECTS = 0.25  # share of a stage's samples
SCORE, OVERLAP, MOST = 0.05, 0.5, 100  # of what is detected: lowest score, largest IoU of two of one class, number
LOSSES = tuple(f"{what} {stage}" for stage in (1, 2, 3) for what in ("class", "box"))

RoiPool = Callable[[Tensor], Tensor]  # what the maps have at boxes: [B, n, 4] → [B·n, C, side, side]


class Chosen(NamedTuple):
    """Boxes that a stage learns from, [B, n, 4], objects first. which: the object of each, BACKGROUND or IGNORED,
    [B, n]. own: whether it is an object's own box, [B, n]."""

    boxes: Tensor
    which: Tensor
    own: Tensor


class Detected(NamedTuple):
    """What was found on a photo, the surest first. boxes: [n, 4]; scores: [n]; labels: [n], from 1."""

    boxes: Tensor
    scores: Tensor
    labels: Tensor


class CascadeStage(nn.Module):
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
    """The three stages. A place without a box holds an empty one, which counts for nothing."""

    def __init__(self, channels: int, side: int, hidden: int, classes: int, samples: int) -> None:
        super().__init__()
        self.samples = samples
        self.stages = nn.ModuleList(CascadeStage(channels, side, hidden, classes) for _ in STAGES)

    def losses(
        self, pool: RoiPool, boxes: Tensor, targets: Targets, sizes: Tensor
    ) -> tuple[dict[str, Tensor], Chosen]:
        """The losses of all stages from proposals [B, n, 4], and those boxes of the first stage that may be
        objects, which the mask head learns from: it has the most of them. sizes: heights and widths of the
        photos, [B, 2]."""
        losses: dict[str, Tensor] = {}
        first: Chosen | None = None
        for number, (stage, (threshold, weights, weight)) in enumerate(zip(self.stages, STAGES, strict=True), 1):
            chosen = self.choose(boxes, targets, threshold)
            logits, by = (said.unflatten(0, chosen.which.shape) for said in stage(pool(chosen.boxes)))
            of_class, of_box = stage_losses(logits, by, chosen, targets, weights)
            losses |= {f"class {number}": weight * of_class, f"box {number}": weight * of_box}
            first = first or Chosen(*(part[:, : int(self.samples * OBJECTS)] for part in chosen))
            # The objects' own boxes were added for this stage; the next adds them anew.
            boxes = clip(decode(chosen.boxes, by.detach(), weights), sizes)
            boxes = torch.where(chosen.own[..., None], 0.0, boxes)
        assert first is not None
        return losses, first

    def choose(self, boxes: Tensor, targets: Targets, threshold: float) -> Chosen:
        """The boxes that a stage learns from, of candidates [B, n, 4] and the objects' own boxes."""
        both = torch.cat([boxes, targets.boxes], 1)
        places, which = sample(assign(both, targets.boxes, targets.crowds, threshold), self.samples, OBJECTS)
        return Chosen(at(both, places), which, places >= boxes.shape[1])

    def detect(self, pool: RoiPool, boxes: Tensor, sizes: Tensor) -> list[Detected]:
        """What is found, beginning with proposals [B, n, 4]: boxes are moved three times, scores are the mean of
        all stages."""
        means = boxes.new_zeros(())
        for stage, (_, weights, _) in zip(self.stages, STAGES, strict=True):
            logits, by = (said.unflatten(0, boxes.shape[:2]) for said in stage(pool(boxes)))
            means = logits.softmax(-1) / len(STAGES) + means
            boxes = clip(decode(boxes, by, weights), sizes)
        means = means * (area(boxes) > 0)[..., None]
        return [select(b, s[:, 1:]) for b, s in zip(boxes, means, strict=True)]


def stage_losses(
    logits: Tensor, by: Tensor, chosen: Chosen, targets: Targets, weights: BoxWeights
) -> tuple[Tensor, Tensor]:
    """Cross-entropy over all boxes but the ignored; smooth L1 of the offsets of those that are objects, over the
    number of all. logits: [B, n, 1 + classes]; by: offsets, [B, n, 4]."""
    boxes, which, _ = chosen
    objects, counted = which >= 0, which != IGNORED
    number = counted.sum().clamp(min=1)
    label = torch.where(objects, targets.labels.gather(1, which.clamp(min=0)), 0)
    said = F.cross_entropy(logits.flatten(0, 1), label.flatten(), reduction="none")
    # Where there is no object, any pair of boxes serves that has offsets.
    wanted = encode(real(boxes, objects), real(at(targets.boxes, which.clamp(min=0)), objects), weights)
    distance = F.smooth_l1_loss(by, wanted, reduction="none") * objects[..., None]
    return (said * counted.flatten()).sum() / number, distance.sum() / number


def real(boxes: Tensor, which: Tensor) -> Tensor:
    """Boxes [..., 4], replaced by one of a pixel where `which` [...] is false."""
    pixel = torch.cat([boxes.new_zeros(2), boxes.new_ones(2)])
    return torch.where(which[..., None], boxes, pixel)


def select(boxes: Tensor, scores: Tensor) -> Detected:
    """The detections of a photo: boxes [n, 4] with scores [n, classes], without those that overlap a surer one of
    their class."""
    place, of = torch.where(scores > SCORE)
    kept, sure = boxes[place], scores[place, of]
    keep = batched_nms(kept, sure, of, OVERLAP)[:MOST]
    return Detected(kept[keep], sure[keep], of[keep] + 1)
