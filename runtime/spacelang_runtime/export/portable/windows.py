"""Windows cut and joined by reshapes and transposes of at most five dimensions, and the mask of shifted ones."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from spacelang_runtime.ops.windows import Cut

APART = 1e4  # taken off the score of two tokens, once for each axis that parts them: its double is in fp16's range


def split(x: Tensor, cut: Cut) -> Tensor:
    """See `Cut.split`: [B, tokens, C] → [B·number, tokens of a window, C]."""
    if cut.whole:
        return x
    (rows, columns), (high, wide), (a, b) = cut.grid, cut.padded, cut.window
    channels = x.shape[-1]
    x = x.reshape(-1, rows, columns, channels)
    if cut.padded != cut.grid:
        x = F.pad(x, (0, 0, 0, wide - columns, 0, high - rows))
    x = rolled(x, cut.shift)
    x = x.reshape(-1, a, wide // b, b, channels).transpose(1, 2)
    return x.reshape(-1, a * b, channels)


def join(windows: Tensor, cut: Cut) -> Tensor:
    """See `Cut.join`: [B·number, T, C] → [B, tokens, C]."""
    if cut.whole:
        return windows
    (rows, columns), (high, wide), (a, b) = cut.grid, cut.padded, cut.window
    channels = windows.shape[-1]
    x = windows.reshape(-1, wide // b, a, b, channels).transpose(1, 2)
    x = x.reshape(-1, high, wide, channels)
    # Back by the rest of the way around.
    x = rolled(x, tuple((side - by) % side for side, by in zip(cut.padded, cut.shift, strict=True)))
    if cut.padded != cut.grid:
        x = x[:, :rows, :columns]
    return x.reshape(-1, rows * columns, channels)


def rolled(x: Tensor, by: tuple[int, int]) -> Tensor:
    """Maps [B, rows, columns, C] moved up and to the left; what leaves comes in at the other end."""
    for axis, steps in enumerate(by, 1):
        if steps:
            rest = x.shape[axis] - steps
            x = torch.cat([x.narrow(axis, steps, rest), x.narrow(axis, 0, steps)], axis)
    return x


def parts(cut: Cut) -> tuple[Tensor, Tensor]:
    """Two factors of the mask of a shifted cut: [number, T, 4] and [number, 4, T].

    Along an axis a token is in the part that came from the map's end (p = 1) or not (p = 0). The product of a
    query's (p, 1 − p) with a key's (p − 1, −p), times `APART`, is 0 for tokens of one part, and −`APART` for
    others: exactly, as all other terms are zeros.
    """
    (high, wide), (down, right) = cut.padded, cut.shift
    below = torch.arange(high) >= high - down
    beside = torch.arange(wide) >= wide - right
    places = torch.stack([below[:, None].expand(high, wide), beside.expand(high, wide)], -1).reshape(1, -1, 2)
    part = cut._replace(grid=cut.padded, shift=(0, 0)).split(places).float()
    return torch.cat([part, 1 - part], -1), APART * torch.cat([part - 1, -part], -1).transpose(1, 2)
