"""RoIAlign (He et al., 2017) over all maps of a pyramid at once.

The maps lie side by side on one canvas, and each box is taken from its map's place there: one kernel for all,
where a search for the boxes of each map would wait for the GPU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.ops import roi_align

from spacelang_runtime.ops.memoize import memoize
from spacelang_runtime.tasks.detect.assign import area

WIDTH = 14  # places of its map that a box is wide, or more: 224 pixels at stride 16 (Lin et al., 2017, equation 1)
POINTS = 2  # along each side of a bin

Levels = tuple[tuple[int, int, int], ...]


class PyramidCanvas(NamedTuple):
    """The maps of a pyramid, [B, C, rows, columns] in float32. levels: of each map, its stride and the row and
    column of the canvas where it begins."""

    picture: Tensor
    levels: Levels


def laid_out(maps: Sequence[Tensor], strides: Sequence[int]) -> PyramidCanvas:
    """Maps on a canvas: the first in the upper left, the others in a row below it. Each is followed by its last
    row and column once more, so that no box sees its map's neighbours. Of maps of one stride the first counts:
    the pyramid has added them up."""
    distinct = [level for level, stride in enumerate(strides) if stride not in strides[:level]]
    bordered = [F.pad(maps[level].float(), (0, 1, 0, 1), mode="replicate") for level in distinct]
    levels, left, below = [(strides[0], 0, 0)], 0, bordered[0].shape[2]
    for level, x in zip(distinct[1:], bordered[1:], strict=True):
        levels.append((strides[level], below, left))
        left += x.shape[3]
    rest = bordered[1:]
    if not rest:
        return PyramidCanvas(bordered[0].contiguous(), tuple(levels))
    row = torch.cat([F.pad(x, (0, 0, 0, rest[0].shape[2] - x.shape[2])) for x in rest], 3)
    wide = max(bordered[0].shape[3], left)
    both = [F.pad(x, (0, wide - x.shape[3])) for x in (bordered[0], row)]
    return PyramidCanvas(torch.cat(both, 2).contiguous(), tuple(levels))


def pooled(canvas: PyramidCanvas, boxes: Tensor, side: int) -> Tensor:
    """What the maps have at boxes, [B, n, 4] in pixels, each from the coarsest map on which it is `WIDTH` places
    wide (in the mean of its sides), or from the finest: [B·n, C, side, side]."""
    photos, count = boxes.shape[:2]
    wide = area(boxes).sqrt()
    level = sum(
        ((wide >= WIDTH * stride).long() for stride, _, _ in canvas.levels[1:]), torch.zeros_like(wide).long()
    )
    scale, top, left = table(canvas.levels, boxes.device)[level].unbind(-1)
    corner = torch.stack([left, top, left, top], -1)
    photo = torch.arange(photos, device=boxes.device, dtype=boxes.dtype)[:, None, None].expand(-1, count, 1)
    places = torch.cat([photo, boxes * scale[..., None] + corner], -1).flatten(0, 1)
    return roi_align(canvas.picture, places, side, sampling_ratio=POINTS)


@memoize
def table(levels: Levels, device: torch.device) -> Tensor:
    """Scale, row and column of each map: [maps, 3]."""
    return torch.tensor([(1 / stride, top, left) for stride, top, left in levels], device=device)
