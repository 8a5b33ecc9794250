"""UperNet over a backbone, with an auxiliary head, both transformers' own."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import UperNetConfig
from transformers.models.upernet.modeling_upernet import UperNetFCNHead, UperNetHead

from spacelang_runtime.data.normalise import normalise
from spacelang_runtime.failure import Failure
from spacelang_runtime.tasks.backbone import Backbone
from spacelang_runtime.tasks.recipe import Segment
from spacelang_runtime.tasks.segment.layout import VOID
from spacelang_runtime.tasks.segment.transforms import Crops

LOSSES = ("main", "auxiliary")


class Segmenter(nn.Module):
    """The model: in training the losses of a batch; `logits` for images."""

    def __init__(self, backbone: Backbone, recipe: Segment, classes: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.weight = recipe.auxiliary_weight
        config = UperNetConfig(hidden_size=recipe.channels, auxiliary_channels=recipe.auxiliary, num_labels=classes)
        channels = list(backbone.channels)
        self.head = UperNetHead(config, channels)
        # It looks at the map before the last, as in Swin's recipe.
        self.auxiliary = UperNetFCNHead(config, channels, in_index=max(0, len(channels) - 2))

    def forward(self, batch: Crops) -> dict[str, Tensor]:
        """The losses of a batch, by the names in `LOSSES`."""
        if batch.size == 1 and any(isinstance(module, nn.BatchNorm2d) for module in self.modules()):
            raise Failure(
                "UperNet's norms learn from a batch, and one image is none",
                "take at least two images at a time on every GPU: a larger batch, or another micro",
            )
        maps = self.backbone(normalise(batch.images))
        return {
            "main": loss(self.head(maps), batch.labels),
            "auxiliary": self.weight * loss(self.auxiliary(maps), batch.labels),
        }

    @torch.inference_mode()
    def logits(self, images: Tensor) -> Tensor:
        """The score of each class at each pixel: normalised images [B, 3, H, W] → [B, classes, H, W], float32."""
        return enlarged(self.head(self.backbone(images)), images.shape[-2:])


def loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy over the pixels that have a class. logits: [B, classes, h, w]; labels: [B, H, W]."""
    target = labels.long()
    total = F.cross_entropy(enlarged(logits, target.shape[-2:]), target, ignore_index=VOID, reduction="sum")
    return total / (target != VOID).sum().clamp(min=1)


def enlarged(logits: Tensor, size: torch.Size | tuple[int, int]) -> Tensor:
    """Maps at another size, bilinear, in float32."""
    return F.interpolate(logits.float(), size=tuple(size), mode="bilinear", align_corners=False)
