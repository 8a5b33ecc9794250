"""Cascade Mask R-CNN: a backbone's maps, a feature pyramid, proposals, the cascade, masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.models.detection.roi_heads import maskrcnn_inference, maskrcnn_loss, paste_masks_in_image
from torchvision.models.detection.rpn import AnchorGenerator, RegionProposalNetwork, RPNHead
from torchvision.ops import FeaturePyramidNetwork, MultiScaleRoIAlign
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool
from torchvision.ops.poolers import initLevelMapper

from spacelang_runtime.data.normalise import normalise
from spacelang_runtime.transfer.backbone import Backbone
from spacelang_runtime.transfer.detect.assign import COVERED, covered
from spacelang_runtime.transfer.detect.cascade import LOSSES as CASCADE_LOSSES
from spacelang_runtime.transfer.detect.cascade import Cascade
from spacelang_runtime.transfer.detect.views import Photos, padded, unpacked
from spacelang_runtime.transfer.recipe import Detect

LOSSES = ("objectness", "proposals", *CASCADE_LOSSES, "mask")
ANCHOR = 8  # side of a map's anchors, in its own places


class Found(NamedTuple):
    """What was found on a photo, in its own pixels, the surest first. boxes: [n, 4]; scores, labels: [n], labels
    from 1; masks: bool [n, height, width]."""

    boxes: Tensor
    scores: Tensor
    labels: Tensor
    masks: Tensor


class Detector(nn.Module):
    """The model: in training the losses of a batch; `find` for photos."""

    def __init__(self, backbone: Backbone, recipe: Detect, classes: int) -> None:
        super().__init__()
        self.backbone = backbone
        levels = [str(number) for number in range(len(backbone.channels))]
        self.pyramid = FeaturePyramidNetwork(list(backbone.channels), recipe.channels, LastLevelMaxPool())
        anchors = AnchorGenerator(
            tuple((side,) for side in anchor_sides(backbone.strides)), ((0.5, 1.0, 2.0),) * (len(levels) + 1)
        )
        self.proposals = Proposals(
            anchors,
            InFloat32(RPNHead(recipe.channels, anchors.num_anchors_per_location()[0])),
            fg_iou_thresh=0.7,
            bg_iou_thresh=0.3,
            batch_size_per_image=256,
            positive_fraction=0.5,
            pre_nms_top_n={"training": 2000, "testing": 1000},
            post_nms_top_n={"training": 2000, "testing": 1000},
            nms_thresh=0.7,
        )
        self.cascade = Cascade(
            pooling(levels, backbone.strides, 7), recipe.channels, recipe.hidden, classes, recipe.samples
        )
        self.mask_pool = pooling(levels, backbone.strides, 14)
        self.mask_head = nn.Sequential(
            MaskRCNNHeads(recipe.channels, (recipe.channels,) * 4, dilation=1),
            MaskRCNNPredictor(recipe.channels, recipe.channels, classes + 1),
        )

    def forward(self, batch: Photos) -> dict[str, Tensor]:
        """The losses of a batch, by the names in `LOSSES`."""
        maps = self.maps(normalise(batch.images))
        images = ImageList(batch.images, batch.sizes)
        targets = [{"boxes": target.boxes, "crowds": target.crowds} for target in batch.targets]
        boxes, losses = self.proposals(images, maps, targets)
        found, matched = self.cascade.losses(maps, boxes, batch.targets, batch.sizes)
        masks = self.mask_head(self.mask_pool(maps, [match.boxes for match in matched], batch.sizes)).float()
        return {
            "objectness": losses["loss_objectness"],
            "proposals": losses["loss_rpn_box_reg"],
            **found,
            "mask": mask_loss(masks, [m.boxes for m in matched], [m.objects for m in matched], batch),
        }

    @torch.inference_mode()
    def find(self, images: Sequence[Tensor], sizes: Sequence[tuple[int, int]]) -> list[Found]:
        """What is on photos: uint8 [3, h, w] each, resized for the model, on its device. sizes: their own heights
        and widths."""
        batch = padded([image.cpu() for image in images]).to(images[0].device)
        seen = [(image.shape[1], image.shape[2]) for image in images]
        maps = self.maps(normalise(batch))
        boxes, _ = self.proposals(ImageList(batch, seen), maps)
        detected = self.cascade.detect(maps, boxes, seen)
        logits = self.mask_head(self.mask_pool(maps, [found.boxes for found in detected], seen)).float()
        masks = maskrcnn_inference(logits, [found.labels for found in detected])
        answers = []
        for found, mask, (h, w), (height, width) in zip(detected, masks, seen, sizes, strict=True):
            scale = found.boxes.new_tensor([width / w, height / h, width / w, height / h])
            own = found.boxes * scale
            pasted = paste_masks_in_image(mask, own, (height, width))[:, 0] > 0.5
            answers.append(Found(own, found.scores, found.labels, pasted))
        return answers

    def maps(self, images: Tensor) -> dict[str, Tensor]:
        """The pyramid's maps of normalised images, in float32: boxes are computed from them, and want the
        digits."""
        maps = self.backbone(images)
        pyramid = self.pyramid({str(number): x for number, x in enumerate(maps)})
        return {name: x.float() for name, x in pyramid.items()}


class Proposals(RegionProposalNetwork):
    """torchvision's region proposals, where anchors inside a crowd are not taught to be background."""

    def assign_targets_to_anchors(
        self, anchors: list[Tensor], targets: list[dict[str, Tensor]]
    ) -> tuple[list[Tensor], list[Tensor]]:
        labels, boxes = super().assign_targets_to_anchors(anchors, targets)
        for label, own, target in zip(labels, anchors, targets, strict=True):
            label[(label == 0) & (covered(own, target["crowds"]) >= COVERED)] = -1.0
        return labels, boxes


class InFloat32(nn.Module):
    """A module whose lists of tensors come out in float32, whatever it computed in."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: list[Tensor]) -> tuple[list[Tensor], ...]:
        return tuple([part.float() for part in parts] for parts in self.inner(x))


def pooling(levels: list[str], strides: Sequence[int], side: int) -> MultiScaleRoIAlign:
    """RoIAlign over the pyramid: a box of 224 pixels a side at the map of stride 16, others in proportion (Lin et
    al., 2017, equation 1), as far as there are maps. Maps of one stride count as one: the pyramid has added them
    up."""
    pool = MultiScaleRoIAlign(levels, side, sampling_ratio=2)
    pool.scales = [1 / stride for stride in strides]
    pool.map_levels = initLevelMapper(strides[0].bit_length() - 1, strides[-1].bit_length() - 1)
    return pool


def anchor_sides(strides: Sequence[int]) -> list[int]:
    """The side of the anchors on each map of the pyramid, in pixels, the one above the backbone's included: eight
    places of the map; on maps of one stride, each twice the one before, from two places."""
    if len(set(strides)) == len(strides):
        return [ANCHOR * stride for stride in (*strides, 2 * strides[-1])]
    return [2 * strides[0] << level for level in range(len(strides) + 1)]


def mask_loss(logits: Tensor, boxes: list[Tensor], objects: list[Tensor], batch: Photos) -> Tensor:
    """Binary cross-entropy of the mask of each box's own class (He et al., 2017)."""
    whole = [unpacked(t.masks, size[1]) for t, size in zip(batch.targets, batch.sizes, strict=True)]
    return maskrcnn_loss(logits, boxes, whole, [target.labels for target in batch.targets], objects)
