"""What stands between two stages: patch merging."""

from __future__ import annotations

import torch
from torch import Tensor

from spacelang_runtime.fused.layer import ResidualStream, StreamGradient
from spacelang_runtime.fused.matmul import matmul, sum_rows
from spacelang_runtime.fused.weights import Weights, gradient
from spacelang_runtime.nn.elastic import ElasticPatchMerging
from spacelang_runtime.ops.kernels import layer_norm, sums
from spacelang_runtime.ops.patch_merging import neighbours
from spacelang_runtime.ops.slices import prefix
from spacelang_runtime.ops.windows import Grid


class PatchMergingPass:
    """2×2 neighbours side by side, LayerNorm, a product.

    places: where results shall lie, [rows, C] each: the stream that it gives, and the gradients of the stream
    that it got and of what was added to it; None: anywhere.
    """

    def __init__(
        self,
        module: ElasticPatchMerging,
        weights: Weights,
        out: int,
        places: tuple[Tensor, Tensor, Tensor] | None = None,
    ) -> None:
        self.module, self.weights, self.out, self.places = module, weights, out, places

    def forward(self, stream: ResidualStream) -> ResidualStream:
        width = stream.x.shape[1]
        x = stream.x.view(-1, stream.tokens, width)
        if stream.added is not None:
            added = stream.added.view_as(x)
            x = (
                x + added
                if stream.keep is None
                else torch.addcmul(x, added, stream.keep[:, None, None].to(x.dtype))
            )
        squares, grid = neighbours(x, stream.grid)
        tokens = grid[0] * grid[1]
        self.keep, self.bias, self.before, self.samples = stream.keep, stream.bias, stream.grid, len(x)
        self.scales = tuple(
            prefix(p, 4, width).reshape(-1) for p in (self.module.norm_weight, self.module.norm_bias)
        )
        self.normed = layer_norm.forward(squares.view(-1, 4 * width), None, None, *self.scales, tokens)
        self.grid = grid
        to = None if self.places is None else self.places[0]
        return ResidualStream(torch.mm(self.normed.y, self._weight(width).t(), out=to), grid, tokens)

    def _weight(self, width: int) -> Tensor:
        return prefix(self.weights[self.module.weight], self.out, 4, width).reshape(self.out, 4 * width)

    def backward(self, change: StreamGradient) -> StreamGradient:
        module, width = self.module, self.normed.y.shape[1] // 4
        weight = prefix(gradient(module.weight), self.out, 4, width)
        weight += matmul(change.x, self.normed.y).view_as(weight)
        outer = layer_norm.backward(change.x.mm(self._weight(width)), self.normed, self.scales[0], None, None, 1)
        both = [torch.zeros_like(scale, dtype=outer.parts.dtype) for scale in self.scales]
        sums.add(outer.parts, both)
        for target, part in zip((module.norm_weight, module.norm_bias), both, strict=True):
            prefix(gradient(target), 4, width).add_(part.view(4, width))
        dx = apart_again(outer.x, self.grid, self.before, self.samples)
        if self.places is not None:
            dx = self.places[1].copy_(dx)
        d_added = dx
        if self.keep is not None:
            to = None if self.places is None else self.places[2].view(self.samples, -1, width)
            factors = self.keep[:, None, None].to(dx.dtype)
            d_added = torch.mul(dx.view(self.samples, -1, width), factors, out=to).view_as(dx)
        if self.bias is not None:
            whole = self.keep is None and (2 * self.grid[0], 2 * self.grid[1]) == self.before
            each = outer.parts[:, 2].sum(0).view(4, width).sum(0) if whole else sum_rows(d_added)
            prefix(gradient(self.bias), width).add_(each)
        return StreamGradient(dx, d_added)


def apart_again(squares: Tensor, grid: Grid, before: Grid, samples: int) -> Tensor:
    """Tokens of maps from the 2×2 neighbours that `ops.patch_merging` put side by side; padding is dropped."""
    (high, wide), (rows, columns) = grid, before
    width = squares.shape[1] // 4
    x = (
        squares.view(samples, high, wide, 2, 2, width)
        .permute(0, 1, 4, 2, 3, 5)
        .reshape(samples, 2 * high, 2 * wide, -1)
    )
    return x[:, :rows, :columns].reshape(-1, width)
