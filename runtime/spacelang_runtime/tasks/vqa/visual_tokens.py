"""The places of a feature map as tokens of a transformer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from spacelang_runtime.failure import Failure
from spacelang_runtime.ops.memoize import memoize


class VisualTokens(nn.Module):
    """A map's places as tokens: [images, channels, rows, columns] → [images, rows · columns, width]. Of each, the
    projected feature plus a projected sine of its row and column, so that maps of any size can be read."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        if width % 4:
            raise Failure(f"a transformer of width {width} cannot be told rows and columns", "take a multiple of 4")
        self.feature = nn.Linear(channels, width)
        self.place = nn.Linear(width, width, bias=False)
        for layer in (self.feature, self.place):
            nn.init.normal_(layer.weight, std=0.02)

    def forward(self, seen: Tensor) -> Tensor:
        places = self.place(sines(seen.shape[-2:], self.place.in_features, seen.device))
        return self.feature(seen.flatten(2).transpose(1, 2)) + places


@memoize
def sines(grid: tuple[int, int], width: int, device: torch.device) -> Tensor:
    """Where a map's places are: [rows · columns, width], sines and cosines of the row and of the column at a
    quarter of the width each (Vaswani et al., 2017, in two dimensions)."""
    quarter = width // 4
    speeds = 10_000.0 ** -(torch.arange(quarter, device=device) / quarter)
    rows, columns = (torch.arange(side, device=device)[:, None] * speeds for side in grid)
    row = torch.cat([rows.sin(), rows.cos()], 1)[:, None].expand(-1, grid[1], -1)
    column = torch.cat([columns.sin(), columns.cos()], 1)[None].expand(grid[0], -1, -1)
    return torch.cat([row, column], 2).flatten(0, 1)
