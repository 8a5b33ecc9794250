"""The feature pyramid (Lin et al., 2017) over a backbone's maps: from a quarter of the image's resolution on."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import ExtraFPNBlock

FINEST = 4  # stride of the finest map
LEVELS = 5  # maps at least: anchors have as many sizes


class FPN(nn.Module):
    """Maps of one width from a backbone's. strides: of the maps that come from the backbone's; all: with the
    coarser ones above them, each every other place of the one below.

    Maps finer than a quarter of the image join that of a quarter: the places that make up one of its places stand
    side by side as channels, so that nothing is lost, and a map of half the resolution costs no convolutions of
    its own at four times the places."""

    def __init__(self, channels: Sequence[int], strides: Sequence[int], width: int) -> None:
        super().__init__()
        # How many places of a map, along a side, make up one of the finest map.
        self.folds = tuple(FINEST // s if s < FINEST and FINEST % s == 0 else 1 for s in strides)
        fine = max(self.folds) > 1
        self.joined = sum(fine and s * fold == FINEST for s, fold in zip(strides, self.folds, strict=True))
        widths = [count * fold**2 for count, fold in zip(channels, self.folds, strict=True)]
        if self.joined:
            widths = [sum(widths[: self.joined]), *widths[self.joined :]]
            strides = [FINEST, *strides[self.joined :]]
        self.strides = tuple(strides)
        above = max(1, LEVELS - len(self.strides))
        self.all = (*self.strides, *(self.strides[-1] << level for level in range(1, above + 1)))
        self.network = FeaturePyramidNetwork(widths, width, CoarserLevels(above))

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """The maps of all strides: [B, width, rows, columns] each."""
        folded = [x if fold == 1 else F.pixel_unshuffle(x, fold) for x, fold in zip(maps, self.folds, strict=True)]
        if self.joined:
            folded = [torch.cat(folded[: self.joined], 1), *folded[self.joined :]]
        # Convolutions on a GPU want the channels of a place side by side; what follows keeps to that.
        inputs = {str(level): x.contiguous(memory_format=torch.channels_last) for level, x in enumerate(folded)}
        return list(self.network(inputs).values())


class CoarserLevels(ExtraFPNBlock):
    """Maps above the last one, each every other place of the one below."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    def forward(self, results: list[Tensor], x: list[Tensor], names: list[str]) -> tuple[list[Tensor], list[str]]:
        for level in range(self.count):
            results.append(results[-1][..., ::2, ::2])
            names.append(f"above {level}")
        return results, names
