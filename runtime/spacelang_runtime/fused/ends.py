"""What stands before, between and behind the layers: patch embedding, positions, merging, the classifier."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from spacelang_runtime.fused.layer import Change, Stream
from spacelang_runtime.fused.product import add_product, linear, product
from spacelang_runtime.fused.weights import Weights, gradient
from spacelang_runtime.kernels import norm, sums
from spacelang_runtime.model import positions
from spacelang_runtime.model.merging import neighbours
from spacelang_runtime.model.slices import prefix
from spacelang_runtime.model.windows import Grid, grid_of

if TYPE_CHECKING:
    from spacelang_runtime.model.supernet import ElasticHead, ElasticMerge, ElasticStem, ElasticTokens


class StemPass:
    """Images to patches, a product, LayerNorm where there is one."""

    def __init__(self, module: ElasticStem, weights: Weights, embed: int) -> None:
        self.module, self.weights, self.embed = module, weights, embed

    def forward(self, images: Tensor) -> Stream:
        module, weights = self.module, self.weights
        (rows, columns), side = grid_of(images, module.patch), module.patch
        samples, channels = images.shape[:2]
        cells = images.view(samples, channels, rows, side, columns, side).permute(0, 2, 4, 1, 3, 5)
        self.patches = cells.to(weights.dtype, memory_format=torch.contiguous_format)
        self.patches = self.patches.reshape(samples * rows * columns, channels * side * side)
        weight = prefix(weights[module.patches.weight], self.embed).flatten(1)
        x = linear(self.patches, weight, prefix(weights[module.patches.bias], self.embed))
        if module.norm is not None:
            self.normed = norm.forward(x, None, None, module.norm.weight, module.norm.bias, rows * columns)
            x = self.normed.y
        return Stream(x, (rows, columns), rows * columns)

    def backward(self, change: Change) -> None:
        module, dx = self.module, change.x
        if module.norm is not None:
            outer = norm.backward(dx, self.normed, module.norm.weight, None, None, 1)
            dx = outer.x
            targets = (module.norm.weight, module.norm.bias, module.patches.bias)
            sums.add(outer.parts, [gradient(target) for target in targets])
        else:
            prefix(gradient(module.patches.bias), self.embed).add_(total(dx))
        add_product(prefix(gradient(module.patches.weight), self.embed).flatten(1), dx, self.patches)


class TokensPass:
    """A class token before the patches of each sample, absolute positions added to all."""

    def __init__(self, module: ElasticTokens) -> None:
        self.module = module

    def forward(self, stream: Stream) -> Stream:
        module, embed = self.module, stream.x.shape[1]
        self.grid, self.tokens, self.width = stream.grid, stream.tokens, embed
        x = stream.x.view(-1, stream.tokens, embed)
        parts = [None if part is None else part.detach() for part in (module.token, module.absolute)]
        if parts[0] is not None:
            parts[0] = prefix(parts[0], embed)
        if parts[1] is not None:
            # Made apart and cast, so that what is added to the patches is as wide as they are.
            parts[1] = positions.absolute(
                prefix(parts[1], parts[1].shape[0], embed), stream.grid, parts[0] is not None
            ).to(x.dtype)
        if parts[0] is not None:
            x = torch.cat([parts[0].to(x.dtype).expand(len(x), 1, -1), x], 1)
        if parts[1] is not None:
            x = x + parts[1]
        return Stream(x.reshape(-1, embed), stream.grid, x.shape[1])

    def backward(self, change: Change) -> Change:
        module, embed = self.module, self.width
        first = int(module.token is not None)
        dx = change.x.view(-1, self.tokens + first, embed)
        each = total(dx)
        if module.token is not None:
            prefix(gradient(module.token), embed).add_(each[0])
        if module.absolute is not None:
            with torch.enable_grad():
                table = prefix(module.absolute.detach(), module.absolute.shape[0], embed).requires_grad_()
                placed = positions.absolute(table, self.grid, bool(first))
            (found,) = torch.autograd.grad(placed, table, each.to(placed.dtype)) if placed is not table else (each,)
            prefix(gradient(module.absolute), len(found), embed).add_(found)
        dx = dx[:, first:].reshape(-1, embed)
        return Change(dx, dx)


class MergePass:
    """2×2 neighbours side by side, LayerNorm, a product."""

    def __init__(self, module: ElasticMerge, weights: Weights, out: int) -> None:
        self.module, self.weights, self.out = module, weights, out

    def forward(self, stream: Stream) -> Stream:
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
        self.normed = norm.forward(squares.view(-1, 4 * width), None, None, *self.scales, tokens)
        self.grid = grid
        return Stream(self.normed.y.mm(self._weight(width).t()), grid, tokens)

    def _weight(self, width: int) -> Tensor:
        return prefix(self.weights[self.module.weight], self.out, 4, width).reshape(self.out, 4 * width)

    def backward(self, change: Change) -> Change:
        module, width = self.module, self.normed.y.shape[1] // 4
        weight = prefix(gradient(module.weight), self.out, 4, width)
        weight += product(change.x, self.normed.y).view_as(weight)
        outer = norm.backward(change.x.mm(self._weight(width)), self.normed, self.scales[0], None, None, 1)
        both = [torch.zeros_like(scale, dtype=outer.parts.dtype) for scale in self.scales]
        sums.add(outer.parts, both)
        for target, part in zip((module.norm_weight, module.norm_bias), both, strict=True):
            prefix(gradient(target), 4, width).add_(part.view(4, width))
        dx = apart_again(outer.x, self.grid, self.before, self.samples)
        d_added = dx
        if self.keep is not None:
            d_added = (dx.view(self.samples, -1, width) * self.keep[:, None, None].to(dx.dtype)).view_as(dx)
        if self.bias is not None:
            whole = self.keep is None and (2 * self.grid[0], 2 * self.grid[1]) == self.before
            each = outer.parts[:, 2].sum(0).view(4, width).sum(0) if whole else total(d_added)
            prefix(gradient(self.bias), width).add_(each)
        return Change(dx, d_added)


class HeadPass:
    """LayerNorm, one vector of each sample, a product."""

    def __init__(self, module: ElasticHead, weights: Weights) -> None:
        self.module, self.weights = module, weights

    def forward(self, stream: Stream) -> Tensor:
        module, width = self.module, stream.x.shape[1]
        self.keep, self.bias, self.tokens = stream.keep, stream.bias, stream.tokens
        self.normed = norm.forward(
            stream.x, stream.added, stream.keep, module.norm_weight, module.norm_bias, stream.tokens
        )
        y = self.normed.y.view(-1, stream.tokens, width)
        self.pooled = y[:, 0] if module.pool == "token" else y[:, module.first :].mean(1)
        return linear(self.pooled, self._weight(width), self.weights[module.bias])

    def _weight(self, width: int) -> Tensor:
        return prefix(self.weights[self.module.weight], self.module.weight.shape[0], width)

    def backward(self, d_logits: Tensor) -> Change:
        module, tokens, width = self.module, self.tokens, self.normed.y.shape[1]
        gradient(module.bias).add_(total(d_logits))
        low = d_logits.to(self.normed.y.dtype)
        add_product(prefix(gradient(module.weight), len(module.weight), width), low, self.pooled)
        d_pooled = low.mm(self._weight(width))
        dy = torch.zeros_like(self.normed.y)
        maps = dy.view(-1, tokens, width)
        if module.pool == "token":
            maps[:, 0] = d_pooled
        else:
            maps[:, module.first :] = d_pooled[:, None] / (tokens - module.first)
        outer = norm.backward(dy, self.normed, module.norm_weight, None, self.keep, tokens)
        targets = (module.norm_weight, module.norm_bias, *([] if self.bias is None else [self.bias]))
        sums.add(outer.parts, [gradient(target) for target in targets])
        return Change(outer.x, outer.added)


def total(x: Tensor) -> Tensor:
    """The sum over the first axis, in float32 at least."""
    return x.sum(0, dtype=torch.promote_types(x.dtype, torch.float32))


def apart_again(squares: Tensor, grid: Grid, before: Grid, samples: int) -> Tensor:
    """Tokens of maps from the 2×2 neighbours that `merging.neighbours` put side by side; padding is dropped."""
    (high, wide), (rows, columns) = grid, before
    width = squares.shape[1] // 4
    x = (
        squares.view(samples, high, wide, 2, 2, width)
        .permute(0, 1, 4, 2, 3, 5)
        .reshape(samples, 2 * high, 2 * wide, -1)
    )
    return x[:, :rows, :columns].reshape(-1, width)
