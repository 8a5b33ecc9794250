"""How attention knows where tokens are: relative position bias, row and column embeddings, absolute positions."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from spacelang_runtime.ops.memoize import memoize
from spacelang_runtime.ops.windows import Cut, Grid


def centre(table: Tensor, rows: int, columns: int) -> Tensor:
    """The part of a bias table that windows of rows × columns tokens use: [heads, 2·rows − 1, 2·columns − 1].

    Entry (y, x) counted from the middle belongs to an offset of y rows and x columns; a smaller window has the
    smaller offsets, and an offset keeps its entry.
    """
    _, high, wide = table.shape
    top, left = (high + 1) // 2 - rows, (wide + 1) // 2 - columns
    if top:
        table = table.narrow(1, top, 2 * rows - 1)
    if left:
        table = table.narrow(2, left, 2 * columns - 1)
    return table


def bias(table: Tensor, cut: Cut, resize: bool) -> Tensor:
    """The relative position bias between any two tokens of a window: [heads, T, T], queries before keys.

    table: [heads, 2·w − 1, 2·w − 1]; entry (w − 1 + y, w − 1 + x) is added to the score of a key that lies y
    rows below and x columns to the right of its query (Liu et al., 2021, equation 4). A window smaller than
    the table uses its centre. resize: stretch the table to the window instead, bicubically (for global
    windows). A class token has no place, so its scores get nothing.
    """
    rows, columns = cut.window
    if resize and table.shape[1:] != (2 * rows - 1, 2 * columns - 1):
        size = (2 * rows - 1, 2 * columns - 1)
        table = F.interpolate(table[None], size=size, mode="bicubic", align_corners=False)[0]
    # Between query (i, j) and key (k, l) stands entry (k − i + rows − 1, l − j + columns − 1): the runs of `rows`
    # entries, taken from the last to the first, are the rows of the matrix. No index is gathered, so that the
    # gradient is a sum in a fixed order.
    runs = centre(table, rows, columns).unfold(1, rows, 1).unfold(2, columns, 1)
    tokens = rows * columns
    matrix = runs.flip(1, 2).reshape(-1, tokens, tokens)
    return F.pad(matrix, (1, 0, 1, 0)) if cut.token else matrix


def relative(tables: Tensor | None, cut: Cut) -> tuple[Tensor, Tensor] | None:
    """The embeddings that keys and values get from relative places, each [T, T, head width]; None for no tables.

    tables: [4, 2·r + 2, head width]: rows for keys, columns for keys, rows for values, columns for values.
    """
    if tables is None:
        return None
    key_rows, key_columns, value_rows, value_columns = tables.unbind(0)
    return pairwise(key_rows, key_columns, cut), pairwise(value_rows, value_columns, cut)


def pairwise(rows: Tensor, columns: Tensor, cut: Cut) -> Tensor:
    """The embedding of the way from any token of a window to any other: [T, T, head width].

    rows, columns: [2·r + 2, head width]; entry r + 1 + y belongs to a key y rows below its query, distances
    beyond r being taken as r, and entry 0 to pairs with the class token. The two entries of a pair are added
    (AutoFormer, Chen et al., 2021, its public code).
    """
    down, right = _distances(cut.window, (rows.shape[0] - 2) // 2, cut.token, rows.device).unbind(0)
    return F.embedding(down, rows) + F.embedding(right, columns)


@memoize
def _distances(window: Grid, limit: int, token: bool, device: torch.device) -> Tensor:
    """The entries of the row and of the column table for any two tokens of a window: [2, T, T]."""
    places = torch.cartesian_prod(*(torch.arange(side, device=device) for side in window))
    steps = (places[None, :, :] - places[:, None, :]).clamp(-limit, limit) + limit + 1
    if token:
        steps = F.pad(steps, (0, 0, 1, 0, 1, 0))
    return steps.permute(2, 0, 1).contiguous()


def add_positions(x: Tensor, grid: Grid, token: Tensor | None, table: Tensor | None) -> Tensor:
    """Patches with the class token before them and absolute positions added: [B, N, C] → [B, N (+ 1), C].

    token: [C]. table: see `absolute`. None: without.
    """
    if token is not None:
        x = torch.cat([token.to(x.dtype).expand(x.shape[0], 1, -1), x], 1)
    return x if table is None else x + absolute(table, grid, token is not None)


def absolute(table: Tensor, grid: Grid, token: bool) -> Tensor:
    """Absolute positions for a map: [token + rows·columns, C].

    table: [token + side², C], for a square map; for another map the part after the class token's entry is
    resized bicubically.
    """
    places = table.shape[0] - token
    side = round(places**0.5)
    if grid == (side, side):
        return table
    square = table[int(token) :].reshape(1, side, side, -1).permute(0, 3, 1, 2)
    resized = F.interpolate(square, size=grid, mode="bicubic", align_corners=False)
    return torch.cat([table[: int(token)], resized[0].flatten(1).t()])
