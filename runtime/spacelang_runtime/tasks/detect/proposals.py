"""Region proposals (Ren et al., 2015) over a pyramid, of a whole batch at once."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.detection.rpn import AnchorGenerator, RPNHead

from spacelang_runtime.tasks.detect.assign import BACKGROUND, COVERED, IGNORED, area, at, covered, overlaps, sample
from spacelang_runtime.tasks.detect.box_coder import clip, decode, encode
from spacelang_runtime.tasks.detect.nms import surviving
from spacelang_runtime.tasks.detect.transforms import Targets

SIDE, AT = 32, 800  # pixels: the smallest anchor's side, in photos whose shorter side is AT
RATIOS = (0.5, 1.0, 2.0)
OBJECT, NOTHING = 0.7, 0.3  # IoU from which an anchor is an object's, and below which it is background
SAMPLES, OBJECTS = 256, 0.5  # anchors of a photo that are learned from; share of objects among them
OVERLAP = 0.7  # largest IoU of two proposals from one map
MOST, TESTED = 2000, 1000  # proposals at most: in training, in testing
UNIT = (1.0, 1.0, 1.0, 1.0)


class Proposals(nn.Module):
    """Where objects may be. strides: of the maps; shorter: of the photos; most: proposals for each in training."""

    def __init__(self, channels: int, strides: Sequence[int], shorter: int, most: int) -> None:
        super().__init__()
        self.strides = tuple(strides)
        self.most = min(most, MOST)
        self.anchors = AnchorGenerator(tuple((side,) for side in anchor_sides(len(strides), shorter)), RATIOS)
        self.head = RPNHead(channels, len(RATIOS))

    def forward(
        self, maps: Sequence[Tensor], sizes: Tensor, targets: Targets | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Proposals for photos from maps [B, channels, rows, columns]: [B, most, 4], the surest first, then empty
        boxes; with targets the two losses. sizes: heights and widths, [B, 2]."""
        scores, moves = zip(*map(flat, *self.head(list(maps))), strict=True)
        self.anchors.set_cell_anchors(torch.float32, maps[0].device)
        anchors = self.anchors.grid_anchors(
            [x.shape[-2:] for x in maps], [(stride, stride) for stride in self.strides]
        )
        with torch.no_grad():
            boxes = proposed(scores, moves, anchors, sizes, self.most if self.training else TESTED)
        if targets is None:
            return boxes, {}
        return boxes, losses(torch.cat(scores, 1), torch.cat(moves, 1), torch.cat(anchors), targets)


def anchor_sides(count: int, shorter: int) -> list[float]:
    """The sides of the anchors on so many maps, in pixels: each twice the one before. From 32 on where photos are
    800 pixels high, as in Lin et al. (2017), and in proportion where they, and the objects on them, are
    smaller."""
    return [SIDE * shorter / AT * 2**level for level in range(count)]


def flat(scores: Tensor, moves: Tensor) -> tuple[Tensor, Tensor]:
    """What a map's convolutions say, by anchor, in float32: [B, A, rows, columns] → [B, n]; [B, 4·A, rows,
    columns] → [B, n, 4]."""
    each = moves.unflatten(1, (-1, 4)).permute(0, 3, 4, 1, 2)
    return scores.permute(0, 2, 3, 1).flatten(1).float(), each.flatten(1, 3).float()


def proposed(
    scores: Sequence[Tensor], moves: Sequence[Tensor], anchors: Sequence[Tensor], sizes: Tensor, most: int
) -> Tensor:
    """The surest boxes of each map, without those that overlap a surer one of their map, and of these the surest:
    [B, most, 4], with empty boxes where there are fewer."""
    sure, boxes = [], []
    for own, by, start in zip(scores, moves, anchors, strict=True):
        best = own.topk(min(most, own.shape[1]))
        place = best.indices
        box = clip(decode(start[place], at(by, place), UNIT), sizes)
        missing = most - place.shape[1]
        sure.append(F.pad(best.values, (0, missing), value=-torch.inf))
        boxes.append(F.pad(box, (0, 0, 0, missing)))
    every, score = torch.stack(boxes, 1), torch.stack(sure, 1)  # [B, maps, most, 4], [B, maps, most]
    remains = surviving(every.flatten(0, 1), OVERLAP).view_as(score) & (area(every) > 0)
    score = torch.where(remains, score, -torch.inf)
    best = score.flatten(1).topk(most)
    return torch.where(best.values[..., None] == -torch.inf, 0.0, at(every.flatten(1, 2), best.indices))


def losses(scores: Tensor, moves: Tensor, anchors: Tensor, targets: Targets) -> dict[str, Tensor]:
    """Binary cross-entropy over sampled anchors, and smooth L1 of the offsets of those that are objects', over the
    number of all. scores: [B, n]; moves: [B, n, 4]; anchors: [n, 4]."""
    photos = zip(targets.boxes, targets.crowds, strict=True)  # one by one: anchors are many
    assigned = torch.stack([matched(anchors, truth, crowds) for truth, crowds in photos])
    places, which = sample(assigned, SAMPLES, OBJECTS)
    counted = (which != IGNORED).float()
    number = counted.sum().clamp(min=1)
    said = F.binary_cross_entropy_with_logits(scores.gather(1, places), (which >= 0).float(), reduction="none")
    # Objects come first.
    first = int(SAMPLES * OBJECTS)
    places, which = places[:, :first], which[:, :first]
    objects = (which >= 0)[..., None]
    start = anchors[places]
    wanted = encode(start, torch.where(objects, at(targets.boxes, which.clamp(min=0)), start), UNIT)
    distance = F.smooth_l1_loss(at(moves, places), wanted, beta=1 / 9, reduction="none")
    return {"objectness": (said * counted).sum() / number, "proposals": (distance * objects).sum() / number}


def matched(anchors: Tensor, truth: Tensor, crowds: Tensor) -> Tensor:
    """What each anchor [n, 4] is: the object of `truth` [m, 4] that it overlaps most, by enough or more than any
    other anchor does; BACKGROUND; IGNORED between the two and inside crowds [k, 4]. An empty object is none."""
    overlap = overlaps(anchors, truth)
    best, which = overlap.max(1)
    most = overlap.amax(0)
    objects = (best >= OBJECT) | ((overlap == most) & (most > 0)).any(1)
    nothing = (best < NOTHING) & (covered(anchors, crowds) < COVERED)
    return torch.where(objects, which, torch.where(nothing, BACKGROUND, IGNORED))
