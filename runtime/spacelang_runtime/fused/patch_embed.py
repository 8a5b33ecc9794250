"""What stands before the layers: patch embedding, the class token, absolute positions."""

from __future__ import annotations

import torch
from torch import Tensor

from spacelang_runtime.fused.layer import ResidualStream, StreamGradient
from spacelang_runtime.fused.matmul import add_matmul, linear, sum_rows
from spacelang_runtime.fused.weights import Weights, gradient
from spacelang_runtime.nn.elastic import ElasticPatchEmbed, ElasticTokens
from spacelang_runtime.ops import position_embedding
from spacelang_runtime.ops.kernels import layer_norm, sums
from spacelang_runtime.ops.slices import prefix
from spacelang_runtime.ops.windows import grid_of


class PatchEmbedPass:
    """Images to patches, a product, LayerNorm where there is one."""

    def __init__(self, module: ElasticPatchEmbed, weights: Weights, embed: int) -> None:
        self.module, self.weights, self.embed = module, weights, embed

    def forward(self, images: Tensor) -> ResidualStream:
        module, weights = self.module, self.weights
        (rows, columns), side = grid_of(images, module.patch), module.patch
        samples, channels = images.shape[:2]
        cells = images.view(samples, channels, rows, side, columns, side).permute(0, 2, 4, 1, 3, 5)
        self.patches = cells.to(weights.dtype, memory_format=torch.contiguous_format)
        self.patches = self.patches.reshape(samples * rows * columns, channels * side * side)
        weight = prefix(weights[module.patches.weight], self.embed).flatten(1)
        x = linear(self.patches, weight, prefix(weights[module.patches.bias], self.embed))
        if module.norm is not None:
            self.normed = layer_norm.forward(x, None, None, module.norm.weight, module.norm.bias, rows * columns)
            x = self.normed.y
        return ResidualStream(x, (rows, columns), rows * columns)

    def backward(self, change: StreamGradient) -> None:
        module, dx = self.module, change.x
        if module.norm is not None:
            outer = layer_norm.backward(dx, self.normed, module.norm.weight, None, None, 1)
            dx = outer.x
            targets = (module.norm.weight, module.norm.bias, module.patches.bias)
            sums.add(outer.parts, [gradient(target) for target in targets])
        else:
            prefix(gradient(module.patches.bias), self.embed).add_(sum_rows(dx))
        add_matmul(prefix(gradient(module.patches.weight), self.embed).flatten(1), dx, self.patches)


class TokensPass:
    """A class token before the patches of each sample, absolute positions added to all."""

    def __init__(self, module: ElasticTokens) -> None:
        self.module = module

    def forward(self, stream: ResidualStream) -> ResidualStream:
        module, embed = self.module, stream.x.shape[1]
        self.grid, self.tokens, self.width = stream.grid, stream.tokens, embed
        x = stream.x.view(-1, stream.tokens, embed)
        parts = [None if part is None else part.detach() for part in (module.token, module.absolute)]
        if parts[0] is not None:
            parts[0] = prefix(parts[0], embed)
        if parts[1] is not None:
            # Made apart and cast, so that what is added to the patches is as wide as they are.
            parts[1] = position_embedding.absolute(
                prefix(parts[1], parts[1].shape[0], embed), stream.grid, parts[0] is not None
            ).to(x.dtype)
        if parts[0] is not None:
            x = torch.cat([parts[0].to(x.dtype).expand(len(x), 1, -1), x], 1)
        if parts[1] is not None:
            x = x + parts[1]
        return ResidualStream(x.reshape(-1, embed), stream.grid, x.shape[1])

    def backward(self, change: StreamGradient) -> StreamGradient:
        module, embed = self.module, self.width
        first = int(module.token is not None)
        dx = change.x.view(-1, self.tokens + first, embed)
        each = sum_rows(dx)
        if module.token is not None:
            prefix(gradient(module.token), embed).add_(each[0])
        if module.absolute is not None:
            with torch.enable_grad():
                table = prefix(module.absolute.detach(), module.absolute.shape[0], embed).requires_grad_()
                placed = position_embedding.absolute(table, self.grid, bool(first))
            (d_table,) = (
                torch.autograd.grad(placed, table, each.to(placed.dtype)) if placed is not table else (each,)
            )
            prefix(gradient(module.absolute), len(d_table), embed).add_(d_table)
        dx = dx[:, first:].reshape(-1, embed)
        return StreamGradient(dx, dx)
