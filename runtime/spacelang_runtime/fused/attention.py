"""Attention of one layer by the fastest way there is for it, with its gradient."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from spacelang_runtime.fused.weights import gradient
from spacelang_runtime.nn.elastic import ElasticLayer
from spacelang_runtime.ops import attention, position_embedding
from spacelang_runtime.ops.kernels import global_attention, hardware, sums, window_attention
from spacelang_runtime.ops.slices import prefix
from spacelang_runtime.ops.windows import Cut


class Mixing(Protocol):
    """What attention keeps of its forward pass."""

    out: Tensor

    def backward(self, d_out: Tensor) -> Tensor:
        """The gradient of qkv; what tables and the bias of qkv get is added to their gradients."""


def mix(
    module: ElasticLayer, qkv: Tensor, extra: Tensor, relative: Tensor | None, heads: int, cut: Cut, resize: bool,
    learns: bool,
) -> Mixing:  # fmt: skip
    """What the tokens of whole maps gather: [tokens of all maps, 3·Q] → [tokens, Q], in the order of the maps.

    extra: [3·Q], the bias of q, k and v: what padding has in their place. relative: [4, entries, head width].
    learns: whether there will be a backward pass.
    """
    width = qkv.shape[1] // (3 * heads)
    if hardware.launches(qkv) and by_windows(module, cut, width, resize):
        return Windowed(module, qkv, extra, heads, cut)
    if hardware.launches(qkv) and module.bias is None and global_attention.serves(cut, width, relative):
        return Mapped(module, qkv, relative, heads, cut)
    with torch.set_grad_enabled(learns):
        return Plain(module, qkv, extra, relative, heads, cut, resize)


def by_windows(module: ElasticLayer, cut: Cut, width: int, resize: bool) -> bool:
    """Whether the kernels of windows, where they run, make the attention of a layer with heads of this width."""
    stretched = resize and module.bias is not None and module.span != max(cut.window)
    return module.relative is None and not stretched and window_attention.serves(cut, width)


class Windowed:
    """By the kernels of shifted windows."""

    def __init__(self, module: ElasticLayer, qkv: Tensor, extra: Tensor, heads: int, cut: Cut) -> None:
        self._about = (module, qkv, extra, heads, cut)
        self.out, self._lse = window_attention.forward(qkv, extra, module.bias, heads, cut)

    def backward(self, d_out: Tensor) -> Tensor:
        module, qkv, extra, heads, cut = self._about
        table = None if module.bias is None else gradient(module.bias)
        d_qkv, parts = window_attention.backward(
            qkv, extra, module.bias, heads, cut, self.out, self._lse, d_out, table
        )  # fmt: skip
        bias = gradient(module.qkv_bias)
        sums.add(parts, [bias[0], bias[2]])
        return d_qkv


class Mapped:
    """By the kernels of whole maps."""

    def __init__(self, module: ElasticLayer, qkv: Tensor, relative: Tensor | None, heads: int, cut: Cut) -> None:
        self._about = (module, qkv, relative, heads, cut)
        self._found = global_attention.forward(qkv, relative, heads, cut)
        self.out = self._found.out

    def backward(self, d_out: Tensor) -> Tensor:
        module, qkv, relative, heads, cut = self._about
        d_qkv, d_relative = global_attention.backward(qkv, relative, heads, cut, self._found, d_out)
        q = qkv.shape[1] // 3
        gradient(module.qkv_bias)[:, :q] += d_qkv.sum(0, dtype=torch.float32).view(3, q)
        if d_relative is not None:
            gradient(module.relative)[..., : d_relative.shape[2]] += d_relative
        return d_qkv


class Plain:
    """By the reference, differentiated by torch."""

    def __init__(
        self, module: ElasticLayer, qkv: Tensor, extra: Tensor, relative: Tensor | None, heads: int, cut: Cut,
        resize: bool,
    ) -> None:  # fmt: skip
        self._module = module
        learns = torch.is_grad_enabled()
        table = None if module.bias is None else prefix(module.bias.detach(), heads)
        self._leaves = [
            None if leaf is None else leaf.detach().requires_grad_(learns) for leaf in (qkv, extra, table, relative)
        ]
        qkv, extra, table, relative = self._leaves
        tokens = cut.grid[0] * cut.grid[1] + cut.token
        shifted = (qkv - extra) if cut.padded != cut.grid else qkv
        split = cut.split(shifted.view(-1, tokens, qkv.shape[1]))
        if cut.padded != cut.grid:
            split = split + extra  # a token of padding is zero, and its projection the bias
        added = attention.additions(table, cut, resize, split)
        mixed = attention.attend(split, heads, added, position_embedding.relative(relative, cut))
        self._graph = cut.join(mixed).reshape(len(qkv), -1)
        self.out = self._graph.detach()

    def backward(self, d_out: Tensor) -> Tensor:
        module = self._module
        leaves = [leaf for leaf in self._leaves if leaf is not None]
        gradients = iter(torch.autograd.grad(self._graph, leaves, d_out, allow_unused=True))
        d_qkv, d_extra, d_table, d_relative = (None if leaf is None else next(gradients) for leaf in self._leaves)
        assert d_qkv is not None
        q = d_qkv.shape[1] // 3
        d_bias = d_qkv.sum(0, dtype=torch.float32 if d_qkv.dtype != torch.float64 else None)
        if d_extra is not None:
            d_bias = d_bias + d_extra
        gradient(module.qkv_bias)[:, :q] += d_bias.view(3, q)
        if d_table is not None:
            gradient(module.bias)[: len(d_table)] += d_table
        if d_relative is not None:
            gradient(module.relative)[..., : d_relative.shape[2]] += d_relative
        return d_qkv
