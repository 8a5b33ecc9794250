"""The parts of a supernet: modules whose weights hold those of every width, head and hidden channel of their place.

An architecture takes prefixes of them (`supernet`).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spacelang.architecture import Frame, Layer
from spacelang.lower.plan import Head, Merge, Stem, Tokens, TransformerBlock
from spacelang_runtime.nn.drop_path import BatchSlice, skipping
from spacelang_runtime.ops import position_embedding
from spacelang_runtime.ops.attention import attention
from spacelang_runtime.ops.patch_merging import neighbours
from spacelang_runtime.ops.slices import prefix
from spacelang_runtime.ops.windows import Grid, cut, grid_of

Slices = dict[str, Tensor]


class ElasticPatchEmbed(nn.Module):
    """Patch embedding: a convolution whose stride is its size, then LayerNorm where the plan has one."""

    def __init__(self, plan: Stem) -> None:
        super().__init__()
        self.patch = plan.patch
        self.patches = nn.Conv2d(plan.channels, plan.embed, plan.patch, plan.patch)
        self.norm = nn.LayerNorm(plan.embed) if plan.norm else None

    def slices(self, embed: int) -> Slices:
        slices = {
            "patches.weight": prefix(self.patches.weight, embed),
            "patches.bias": prefix(self.patches.bias, embed),
        }
        if self.norm is not None:
            slices["norm.weight"] = prefix(self.norm.weight, embed)
            slices["norm.bias"] = prefix(self.norm.bias, embed)
        return slices

    def forward(self, images: Tensor, embed: int) -> tuple[Tensor, Grid]:
        grid = grid_of(images, self.patch)
        w = self.slices(embed)
        x = F.conv2d(images, w["patches.weight"], w["patches.bias"], self.patch)
        x = x.flatten(2).transpose(1, 2).contiguous()
        if self.norm is not None:
            x = F.layer_norm(x, (embed,), w["norm.weight"], w["norm.bias"])
        return x, grid


class ElasticTokens(nn.Module):
    """A class token before the patches, absolute positions added to all."""

    def __init__(self, plan: Tokens) -> None:
        super().__init__()
        self.token = small(plan.embed) if plan.token else None
        self.absolute = small(plan.side**2 + plan.token, plan.embed) if plan.absolute else None

    def slices(self, embed: int) -> Slices:
        slices = {}
        if self.token is not None:
            slices["token"] = prefix(self.token, embed)
        if self.absolute is not None:
            slices["absolute"] = prefix(self.absolute, self.absolute.shape[0], embed)
        return slices

    def forward(self, x: Tensor, grid: Grid) -> Tensor:
        w = self.slices(x.shape[-1])
        return position_embedding.add_positions(x, grid, w.get("token"), w.get("absolute"))


class ElasticStage(nn.Module):
    """The merging that leads to a stage, if any, and its layers."""

    def __init__(self, merge: ElasticPatchMerging | None = None) -> None:
        super().__init__()
        self.merge = merge
        self.layers = nn.ModuleList()


class ElasticPatchMerging(nn.Module):
    """Patch merging with the weight [out, 4 neighbours, in], so that both widths are prefixes."""

    def __init__(self, plan: Merge) -> None:
        super().__init__()
        self.norm_weight = nn.Parameter(torch.ones(4, plan.embed))
        self.norm_bias = nn.Parameter(torch.zeros(4, plan.embed))
        self.weight = small(plan.out, 4, plan.embed)

    def slices(self, embed: int, out: int) -> Slices:
        return {
            "norm.weight": prefix(self.norm_weight, 4, embed).reshape(4 * embed),
            "norm.bias": prefix(self.norm_bias, 4, embed).reshape(4 * embed),
            "reduce.weight": prefix(self.weight, out, 4, embed).reshape(out, 4 * embed),
        }

    def forward(self, x: Tensor, grid: Grid, out: int) -> tuple[Tensor, Grid]:
        w = self.slices(x.shape[-1], out)
        x, grid = neighbours(x, grid)
        x = F.layer_norm(x, (x.shape[-1],), w["norm.weight"], w["norm.bias"])
        return F.linear(x, w["reduce.weight"]), grid


class ElasticLayer(nn.Module):
    """One transformer layer, as wide, with as many heads and as large a window as the space has here.

    qkv_weight: [3, Q, C] for queries, keys, values. bias: [heads, 2·window − 1, 2·window − 1], see
    `position_embedding.bias`. relative: [4, 2·r + 2, head width], see `position_embedding.relative`.
    """

    def __init__(self, plan: TransformerBlock) -> None:
        super().__init__()
        self.shifted = plan.index % 2 == 1
        self.token = plan.token
        self.span = plan.span
        self.norm1_weight = nn.Parameter(torch.ones(plan.embed))
        self.norm1_bias = nn.Parameter(torch.zeros(plan.embed))
        self.qkv_weight = small(3, plan.qkv, plan.embed)
        self.qkv_bias = nn.Parameter(torch.zeros(3, plan.qkv))
        self.bias = small(plan.heads, 2 * plan.span - 1, 2 * plan.span - 1) if plan.bias else None
        self.relative = small(4, 2 * plan.relative + 2, plan.head_width) if plan.relative else None
        self.out_weight = small(plan.embed, plan.qkv)
        self.out_bias = nn.Parameter(torch.zeros(plan.embed))
        self.norm2_weight = nn.Parameter(torch.ones(plan.embed))
        self.norm2_bias = nn.Parameter(torch.zeros(plan.embed))
        self.expand_weight = small(plan.hidden, plan.embed)
        self.expand_bias = nn.Parameter(torch.zeros(plan.hidden))
        self.contract_weight = small(plan.embed, plan.hidden)
        self.contract_bias = nn.Parameter(torch.zeros(plan.embed))

    def slices(self, embed: int, layer: Layer, hidden: int) -> Slices:
        q = layer.qkv
        slices = {
            "norm1.weight": prefix(self.norm1_weight, embed),
            "norm1.bias": prefix(self.norm1_bias, embed),
            "attention.qkv.weight": prefix(self.qkv_weight, 3, q, embed).reshape(3 * q, embed),
            "attention.qkv.bias": prefix(self.qkv_bias, 3, q).reshape(3 * q),
            "attention.out.weight": prefix(self.out_weight, embed, q),
            "attention.out.bias": prefix(self.out_bias, embed),
            "norm2.weight": prefix(self.norm2_weight, embed),
            "norm2.bias": prefix(self.norm2_bias, embed),
            "expand.weight": prefix(self.expand_weight, hidden, embed),
            "expand.bias": prefix(self.expand_bias, hidden),
            "contract.weight": prefix(self.contract_weight, embed, hidden),
            "contract.bias": prefix(self.contract_bias, embed),
        }
        if self.bias is not None:
            side = self.span if layer.window == "global" else layer.window
            slices["attention.bias"] = position_embedding.centre(prefix(self.bias, layer.heads), side, side)
        if self.relative is not None:
            slices["attention.relative"] = prefix(self.relative, 4, self.relative.shape[1], layer.head_width)
        return slices

    def forward(
        self, x: Tensor, grid: Grid, layer: Layer, hidden: int, drop: float, rows: BatchSlice | None
    ) -> Tensor:
        channels = (x.shape[-1],)
        w = self.slices(x.shape[-1], layer, hidden)
        windows = cut(grid, layer.window, self.shifted, self.token)
        normed = F.layer_norm(x, channels, w["norm1.weight"], w["norm1.bias"])
        mixed = attention(
            normed,
            windows,
            layer.heads,
            (w["attention.qkv.weight"], w["attention.qkv.bias"]),
            (w["attention.out.weight"], w["attention.out.bias"]),
            w.get("attention.bias"),
            w.get("attention.relative"),
            layer.window == "global",
        )
        x = x + skipping(mixed, drop, rows)
        normed = F.layer_norm(x, channels, w["norm2.weight"], w["norm2.bias"])
        inner = F.gelu(F.linear(normed, w["expand.weight"], w["expand.bias"]))
        return x + skipping(F.linear(inner, w["contract.weight"], w["contract.bias"]), drop, rows)


class ElasticHead(nn.Module):
    """LayerNorm, pooling, a linear classifier."""

    def __init__(self, plan: Head, frame: Frame) -> None:
        super().__init__()
        self.first = int(frame.token == "class")  # of the patches
        self.pool = frame.pool
        self.norm_weight = nn.Parameter(torch.ones(plan.embed))
        self.norm_bias = nn.Parameter(torch.zeros(plan.embed))
        self.weight = small(plan.classes, plan.embed)
        self.bias = nn.Parameter(torch.zeros(plan.classes))

    def slices(self, embed: int) -> Slices:
        return {
            "norm.weight": prefix(self.norm_weight, embed),
            "norm.bias": prefix(self.norm_bias, embed),
            "classify.weight": prefix(self.weight, self.weight.shape[0], embed),
            "classify.bias": self.bias,
        }

    def forward(self, x: Tensor) -> Tensor:
        w = self.slices(x.shape[-1])
        x = F.layer_norm(x, (x.shape[-1],), w["norm.weight"], w["norm.bias"])
        pooled = x[:, 0] if self.pool == "token" else x[:, self.first :].mean(1)
        return F.linear(pooled, w["classify.weight"], w["classify.bias"])


def small(*shape: int) -> nn.Parameter:
    """A parameter of small random values, as Swin and timm begin: normal, deviation 0.02, cut at ±2."""
    return nn.Parameter(nn.init.trunc_normal_(torch.empty(shape), std=0.02))
