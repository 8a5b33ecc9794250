"""Which tokens patch merging puts side by side."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from spacelang_runtime.ops.windows import Grid


def neighbours(x: Tensor, grid: Grid) -> tuple[Tensor, Grid]:
    """Each 2×2 square of a map as one token: [B, rows·columns, C] → [B, ⌈rows/2⌉·⌈columns/2⌉, 4·C], with its grid.

    The order of the four is upper left, lower left, upper right, lower right, as in Swin. A map with an odd
    side is padded with zeros below or to the right.
    """
    rows, columns = grid
    high, wide = -(-rows // 2), -(-columns // 2)
    x = x.reshape(-1, rows, columns, x.shape[-1])
    if rows % 2 or columns % 2:
        x = F.pad(x, (0, 0, 0, columns % 2, 0, rows % 2))
    squares = x.view(-1, high, 2, wide, 2, x.shape[-1]).permute(0, 1, 3, 4, 2, 5)
    return squares.reshape(-1, high * wide, 4 * x.shape[-1]), (high, wide)
