"""What stands behind the layers: LayerNorm, pooling, the classifier."""

from __future__ import annotations

import torch
from torch import Tensor

from spacelang_runtime.fused.layer import ResidualStream, StreamGradient
from spacelang_runtime.fused.matmul import add_matmul, linear, sum_rows
from spacelang_runtime.fused.weights import Weights, gradient
from spacelang_runtime.nn.elastic import ElasticHead
from spacelang_runtime.ops.kernels import layer_norm, sums
from spacelang_runtime.ops.slices import prefix


class HeadPass:
    """LayerNorm, one vector of each sample, a product."""

    def __init__(self, module: ElasticHead, weights: Weights) -> None:
        self.module, self.weights = module, weights

    def forward(self, stream: ResidualStream) -> Tensor:
        module, width = self.module, stream.x.shape[1]
        self.keep, self.bias, self.tokens = stream.keep, stream.bias, stream.tokens
        self.normed = layer_norm.forward(
            stream.x, stream.added, stream.keep, module.norm_weight, module.norm_bias, stream.tokens
        )
        y = self.normed.y.view(-1, stream.tokens, width)
        self.pooled = y[:, 0] if module.pool == "token" else y[:, module.first :].mean(1)
        return linear(self.pooled, self._weight(width), self.weights[module.bias])

    def _weight(self, width: int) -> Tensor:
        return prefix(self.weights[self.module.weight], self.module.weight.shape[0], width)

    def backward(self, d_logits: Tensor) -> StreamGradient:
        module, tokens, width = self.module, self.tokens, self.normed.y.shape[1]
        gradient(module.bias).add_(sum_rows(d_logits))
        low = d_logits.to(self.normed.y.dtype)
        add_matmul(prefix(gradient(module.weight), len(module.weight), width), low, self.pooled)
        d_pooled = low.mm(self._weight(width))
        dy = torch.zeros_like(self.normed.y)
        maps = dy.view(-1, tokens, width)
        if module.pool == "token":
            maps[:, 0] = d_pooled
        else:
            maps[:, module.first :] = d_pooled[:, None] / (tokens - module.first)
        outer = layer_norm.backward(dy, self.normed, module.norm_weight, None, self.keep, tokens)
        targets = (module.norm_weight, module.norm_bias, *([] if self.bias is None else [self.bias]))
        sums.add(outer.parts, [gradient(target) for target in targets])
        return StreamGradient(outer.x, outer.added)
