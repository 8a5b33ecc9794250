"""Cascade Mask R-CNN: a backbone's maps, a feature pyramid, proposals, the cascade, masks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor

from spacelang_runtime.data.normalise import normalise
from spacelang_runtime.tasks.backbone import Backbone
from spacelang_runtime.tasks.detect.cascade import LOSSES as CASCADE_LOSSES
from spacelang_runtime.tasks.detect.cascade import Cascade, Detected
from spacelang_runtime.tasks.detect.fpn import FPN
from spacelang_runtime.tasks.detect.masks import mask_loss, pasted
from spacelang_runtime.tasks.detect.proposals import Proposals
from spacelang_runtime.tasks.detect.roi_align import PyramidCanvas, laid_out, pooled
from spacelang_runtime.tasks.detect.transforms import Photos, padded
from spacelang_runtime.tasks.recipe import Detect

LOSSES = ("objectness", "proposals", *CASCADE_LOSSES, "mask")
BOX, MASK = 7, 14  # places along the side of what the heads see of a box
PROPOSED = 4  # proposals for each box that a stage learns from


class Detections(NamedTuple):
    """What was found on a photo, in its own pixels, the surest first. boxes: [n, 4]; scores, labels: [n], labels
    from 1; masks: bool [n, height, width]."""

    boxes: Tensor
    scores: Tensor
    labels: Tensor
    masks: Tensor


class Detector(nn.Module):
    """The model: in training the losses of a batch; `find` for photos.

    A training step asks nothing of the GPU: all shapes follow from those of the batch, and what is missing is an
    empty box.
    """

    def __init__(self, backbone: Backbone, recipe: Detect, classes: int) -> None:
        super().__init__()
        self.backbone = backbone
        width = recipe.channels
        self.pyramid = FPN(backbone.channels, backbone.strides, width)
        self.proposals = Proposals(width, self.pyramid.all, recipe.test, PROPOSED * recipe.samples)
        self.cascade = Cascade(width, BOX, recipe.hidden, classes, recipe.samples)
        self.mask_head = nn.Sequential(
            MaskRCNNHeads(width, (width,) * 4, dilation=1), MaskRCNNPredictor(width, width, classes + 1)
        )

    def forward(self, batch: Photos) -> dict[str, Tensor]:
        """The losses of a batch, by the names in `LOSSES`."""
        maps = self.maps(normalise(batch.images))
        boxes, proposals = self.proposals(maps, batch.sizes, batch.targets)
        canvas = laid_out(maps, self.pyramid.strides)
        losses, first = self.cascade.losses(partial(pooled, canvas, side=BOX), boxes, batch.targets, batch.sizes)
        masks = self.masks(canvas, first.boxes)
        return {**proposals, **losses, "mask": mask_loss(masks, first.boxes, first.which, batch.targets)}

    @torch.inference_mode()
    def find(self, images: Sequence[Tensor], sizes: Sequence[tuple[int, int]]) -> list[Detections]:
        """What is on photos: uint8 [3, h, w] each, resized for the model, on its device. sizes: their own heights
        and widths."""
        seen = torch.tensor([image.shape[1:] for image in images], device=images[0].device)
        maps = self.maps(normalise(padded(images)))
        boxes, _ = self.proposals(maps, seen)
        canvas = laid_out(maps, self.pyramid.strides)
        every = self.cascade.detect(partial(pooled, canvas, side=BOX), boxes, seen)
        return [
            self.drawn(canvas._replace(picture=canvas.picture[place : place + 1]), detected, image.shape[1:], size)
            for place, (detected, image, size) in enumerate(zip(every, images, sizes, strict=True))
        ]

    def drawn(
        self, canvas: PyramidCanvas, detected: Detected, seen: Sequence[int], size: tuple[int, int]
    ) -> Detections:
        """What was found on the photo of a canvas, resized to `seen`, with masks, in its own size: height,
        width."""
        (h, w), (height, width) = seen, size
        logits = self.masks(canvas, detected.boxes[None])
        masks = logits[torch.arange(len(logits), device=logits.device), detected.labels].sigmoid()
        own = detected.boxes * detected.boxes.new_tensor([width / w, height / h, width / w, height / h])
        return Detections(own, detected.scores, detected.labels, pasted(masks, own, height, width))

    def masks(self, canvas: PyramidCanvas, boxes: Tensor) -> Tensor:
        """The masks of all classes at boxes [B, n, 4]: logits, [B·n, 1 + classes, 28, 28]."""
        return self.mask_head(pooled(canvas, boxes, MASK).contiguous(memory_format=torch.channels_last)).float()

    def maps(self, images: Tensor) -> list[Tensor]:
        """The pyramid's maps of normalised images, in float32 or the type of autocast."""
        return self.pyramid(self.backbone(images))
