"""One transformer layer, forward and backward."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from spacelang.architecture import Layer
from spacelang_runtime.fused.attention import Mixing, mix
from spacelang_runtime.fused.matmul import add_matmul, linear, matmul
from spacelang_runtime.fused.weights import Weights, gradient
from spacelang_runtime.nn.elastic import ElasticLayer
from spacelang_runtime.ops.kernels import gelu, layer_norm, sums
from spacelang_runtime.ops.slices import prefix
from spacelang_runtime.ops.windows import Grid, cut


class ResidualStream(NamedTuple):
    """The residual stream, x + keep·added: [tokens of all samples, C] each, sample after sample.

    The sum is left to whoever reads it, because a norm makes it in passing. keep: [samples], see `layer_norm`;
    None: 1. bias: what was added to every row of `added`; its gradient is the sum of those of added's rows.
    """

    x: Tensor
    grid: Grid
    tokens: int  # of a sample
    added: Tensor | None = None
    keep: Tensor | None = None
    bias: nn.Parameter | None = None


class StreamGradient(NamedTuple):
    """The gradient of a stream: of x, and of added (which is that of x where there is neither added nor keep)."""

    x: Tensor
    added: Tensor


class Places(NamedTuple):
    """Where a layer shall leave what others read of it, [rows, C] each: the stream that it gives, and the gradient
    of the one that it got."""

    x: Tensor
    added: Tensor
    dx: Tensor
    d_added: Tensor


class Saved(NamedTuple):
    """What the backward pass of a layer reads of its forward pass."""

    first: layer_norm.Normed
    mixing: Mixing
    second: layer_norm.Normed
    expanded: Tensor


class LayerPass:
    """One pass of a layer with the slices of one architecture.

    keep: the factors of samples in the attention's branch and in the MLP's; None: all 1. learns: whether there will
    be a backward pass. checkpointing: keep the stream alone, and make the rest of the forward pass again in the
    backward pass (Chen et al., 2016). places: where results shall lie; None: anywhere.
    """

    def __init__(
        self,
        module: ElasticLayer,
        weights: Weights,
        layer: Layer,
        hidden: int,
        keep: tuple[Tensor, Tensor] | None,
        learns: bool,
        checkpointing: bool,
        places: Places | None = None,
    ) -> None:
        self.module, self.weights, self.layer, self.hidden = module, weights, layer, hidden
        self.keep = keep or (None, None)
        self.learns, self.checkpointing, self.places = learns, checkpointing, places

    def forward(self, stream: ResidualStream) -> ResidualStream:
        self.before = stream
        kept = self._forward(stream, self.learns and not self.checkpointing)
        width = stream.x.shape[1]
        bias = self.module.contract_bias
        added = linear(
            gelu.forward(kept.expanded),
            prefix(self.weights[self.module.contract_weight], width, self.hidden),
            prefix(self.weights[bias], width),
            None if self.places is None else self.places.added,
        )
        if not self.checkpointing:
            self.kept: Saved | None = kept
            self.before = stream._replace(x=kept.first.total, added=None)
        return ResidualStream(kept.second.total, stream.grid, stream.tokens, added, self.keep[1], bias)

    def _forward(self, stream: ResidualStream, learns: bool) -> Saved:
        module, weights, hidden = self.module, self.weights, self.hidden
        width, q, heads = stream.x.shape[1], self.layer.qkv, self.layer.heads
        first = layer_norm.forward(
            stream.x, stream.added, stream.keep, module.norm1_weight, module.norm1_bias, stream.tokens
        )
        extra = prefix(weights[module.qkv_bias], 3, q).reshape(3 * q)
        qkv = linear(first.y, self._qkv_weight(width), extra)
        relative = None
        if module.relative is not None:
            relative = prefix(weights[module.relative], 4, module.relative.shape[1], self.layer.head_width)
        place = cut(stream.grid, self.layer.window, module.shifted, module.token)
        mixing = mix(module, qkv, extra, relative, heads, place, self.layer.window == "global", learns)
        mixed = linear(
            mixing.out, prefix(weights[module.out_weight], width, q), prefix(weights[module.out_bias], width)
        )
        second = layer_norm.forward(
            first.total, mixed, self.keep[0], module.norm2_weight, module.norm2_bias, stream.tokens,
            None if self.places is None else self.places.x,
        )  # fmt: skip
        expanded = linear(
            second.y,
            prefix(weights[module.expand_weight], hidden, width),
            prefix(weights[module.expand_bias], hidden),
        )
        return Saved(first, mixing, second, expanded)

    def _qkv_weight(self, width: int) -> Tensor:
        q = self.layer.qkv
        return prefix(self.weights[self.module.qkv_weight], 3, q, width).reshape(3 * q, width)

    def backward(self, change: StreamGradient) -> StreamGradient:
        """From the gradient of the stream that the layer gave to that of the stream it got.

        The gradient of the bias of `added` was taken by whoever made `change`; that of the bias of what came in
        is taken here.
        """
        module, weights, hidden, q = self.module, self.weights, self.hidden, self.layer.qkv
        stream = self.before
        first, mixing, second, expanded = self._forward(stream, True) if self.checkpointing else self.kept
        self.kept = None
        width, tokens = stream.x.shape[1], stream.tokens

        d_inner = change.added.mm(prefix(weights[module.contract_weight], width, hidden))
        d_expanded, parts, inner = gelu.backward(expanded, d_inner)
        del expanded
        add_matmul(prefix(gradient(module.contract_weight), width, hidden), change.added, inner)
        del inner, d_inner
        sums.add(parts, [gradient(module.expand_bias)])
        add_matmul(prefix(gradient(module.expand_weight), hidden, width), d_expanded, second.y)
        d_normed = d_expanded.mm(prefix(weights[module.expand_weight], hidden, width))
        del d_expanded
        middle = layer_norm.backward(d_normed, second, module.norm2_weight, change.x, self.keep[0], tokens)
        targets = (module.norm2_weight, module.norm2_bias, module.out_bias)
        sums.add(middle.parts, [gradient(target) for target in targets])
        del second, change, d_normed

        d_mixed = middle.added.mm(prefix(weights[module.out_weight], width, q))
        add_matmul(prefix(gradient(module.out_weight), width, q), middle.added, mixing.out)
        d_qkv = mixing.backward(d_mixed)
        del d_mixed, mixing
        weight = prefix(gradient(module.qkv_weight), 3, q, width)
        if weight.stride(0) == q * weight.stride(1):
            add_matmul(weight.view(3 * q, width), d_qkv, first.y)
        else:
            weight += matmul(d_qkv, first.y).view(3, q, width)
        d_normed = d_qkv.mm(self._qkv_weight(width))
        del d_qkv
        to = None if self.places is None else (self.places.dx, self.places.d_added)
        outer = layer_norm.backward(d_normed, first, module.norm1_weight, middle.x, stream.keep, tokens, to)
        targets = (module.norm1_weight, module.norm1_bias, *([] if stream.bias is None else [stream.bias]))
        sums.add(outer.parts, [gradient(target) for target in targets])
        return StreamGradient(outer.x, outer.added)
