"""Relative positions without an entry for every pair of tokens among the constants."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spacelang_runtime.ops.position_embedding import centre
from spacelang_runtime.ops.windows import Cut, Grid


class Bias(nn.Module):
    """The relative position bias of a window (`ops.position_embedding.bias`), as two products with ones and zeros.

    Between row i of the queries and row k of the keys stands row k − i + rows − 1 of the table; the columns
    likewise. Who multiplies by the two tables of ones, of 2·side − 1 by side² entries, has what indexing would
    give, exactly.
    """

    def __init__(self, table: Tensor, cut: Cut, resize: bool) -> None:
        super().__init__()
        rows, columns = cut.window
        if resize and table.shape[1:] != (2 * rows - 1, 2 * columns - 1):
            size = (2 * rows - 1, 2 * columns - 1)
            table = F.interpolate(table[None], size=size, mode="bicubic", align_corners=False)[0]
        self.heads, self.window, self.token = table.shape[0], cut.window, cut.token
        self.table = nn.Parameter(centre(table, rows, columns).flatten(0, 1).contiguous())
        self.register_buffer("across", _places(columns))
        self.register_buffer("down", _places(rows).t().contiguous())

    def forward(self, zero: Tensor) -> Tensor:
        """[heads, T, T]. zero: [1, 1], a zero that depends on the images, so that no runtime keeps the result."""
        rows, columns = self.window
        runs = (self.table + zero) @ self.across
        pairs = self.down @ runs.reshape(self.heads, 2 * rows - 1, columns * columns)
        # Whole runs of columns change places: onnxruntime moves single numbers several times slower.
        pairs = pairs.reshape(self.heads, rows, rows, columns, columns).transpose(2, 3)
        matrix = pairs.reshape(self.heads, rows * columns, rows * columns)
        return F.pad(matrix, (1, 0, 1, 0)) if self.token else matrix


def _places(side: int) -> Tensor:
    """[2·side − 1, side²]: 1 where the entry of a table belongs to the pair (query, key) of an axis."""
    ways = torch.arange(side)[None, :] - torch.arange(side)[:, None] + side - 1
    return F.one_hot(ways.flatten(), 2 * side - 1).t().float().contiguous()


class Ways(nn.Module):
    """The row and column embeddings for keys and values (see `ops.position_embedding.ways`), axis by axis.

    The embedding of a pair is the sum of a row's and a column's, and so is its product with a query: of each axis
    it is made for side × side ways, and summed. For values the weights are summed along the other axis first. That
    takes T·(rows + columns) products a channel, where a table of all pairs takes T².
    """

    def __init__(self, tables: Tensor, cut: Cut) -> None:
        super().__init__()
        self.window, self.token = cut.window, cut.token
        for name, table, side in zip(
            ("key_rows", "key_columns", "value_rows", "value_columns"), tables, cut.window * 2, strict=True
        ):
            limit = (table.shape[0] - 2) // 2
            ways = torch.arange(side)[None, :] - torch.arange(side)[:, None]
            found = F.embedding(ways.clamp(-limit, limit) + limit + 1, table)  # [query, key, head width]
            self.register_buffer(name, (found.transpose(1, 2) if name.startswith("key") else found).contiguous())
        if self.token:
            self.register_buffer("key_token", (tables[0, 0] + tables[1, 0])[:, None].clone())
            self.register_buffer("value_token", (tables[2, 0] + tables[3, 0])[None].clone())

    def of_keys(self, q: Tensor) -> Tensor:
        """What each query's products with the embeddings of its keys are: [W, heads, T, d] → [W, heads, T, T]."""
        _, heads, tokens, _ = q.shape
        rows, columns = self.window
        places = q[:, :, 1:] if self.token else q
        down, across = self._along(places, self.key_rows, self.key_columns)
        pairs = down.reshape(-1, rows * columns, rows, 1) + across.reshape(-1, rows * columns, 1, columns)
        found = pairs.reshape(-1, heads, rows * columns, rows * columns)
        if not self.token:
            return found
        own = q @ self.key_token
        found = torch.cat([own[:, :, 1:], found], 3)
        return torch.cat([own[:, :, :1].expand(-1, -1, -1, tokens), found], 2)

    def of_values(self, weights: Tensor) -> Tensor:
        """The weighted sums of the embeddings for values: [W, heads, T, T] → [W, heads, T, d]."""
        heads = weights.shape[1]
        rows, columns = self.window
        inner = weights[:, :, 1:, 1:] if self.token else weights
        pairs = inner.reshape(-1, rows * columns, rows, columns)
        down = _each(pairs.sum(3).reshape(-1, rows, columns, rows), self.value_rows, 1)
        across = _each(pairs.sum(2).reshape(-1, rows, columns, columns), self.value_columns, 2)
        found = (down + across).reshape(-1, heads, rows * columns, self.value_rows.shape[-1])
        if not self.token:
            return found
        found = found + weights[:, :, 1:, :1] * self.value_token
        first = weights[:, :, :1].sum(3, keepdim=True) * self.value_token
        return torch.cat([first, found], 2)

    def _along(self, x: Tensor, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        high, wide = self.window
        x = x.reshape(-1, high, wide, x.shape[-1])
        return _each(x, rows, 1), _each(x, columns, 2)


def _each(x: Tensor, tables: Tensor, axis: int) -> Tensor:
    """The products of what stands at each place of an axis with the table of that place.

    x: [N, rows, columns, c]; tables: [side of the axis, c, e]. Gives [N, rows, columns, e].
    """
    order: Grid | tuple[int, ...] = (1, 0, 2, 3) if axis == 1 else (2, 0, 1, 3)
    back = (1, 0, 2, 3) if axis == 1 else (1, 2, 0, 3)
    moved = x.permute(order)
    other = moved.shape[2]
    found = torch.bmm(moved.reshape(tables.shape[0], -1, tables.shape[1]), tables)
    return found.reshape(tables.shape[0], -1, other, tables.shape[2]).permute(back)
