"""The supernet: one set of weights in which every architecture of a space finds its own.

An architecture takes prefixes: the first channels of a width, the first heads, the first hidden channels; of a
bias table the first heads and the centre. q, k and v are each a prefix of their own, and head i of width d is
rows i·d to (i + 1)·d of each. The logits are those of `network.Network` with the slices copied in (`extract`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from spacelang.architecture import Architecture, Frame, Layer
from spacelang.lower.plan import Head, Merge, Plan, Stem, Tokens, TransformerBlock
from spacelang_runtime.nn.subnet import limits, require_subnet
from spacelang_runtime.ops import position_embedding
from spacelang_runtime.ops.attention import attention
from spacelang_runtime.ops.patch_merging import neighbours
from spacelang_runtime.ops.slices import prefix
from spacelang_runtime.ops.windows import Grid, cut, grid_of

Slices = dict[str, Tensor]


class BatchSlice(NamedTuple):
    """Which samples of a batch some are: every `step`-th of `whole` from `first` on. What is drawn for them is what
    would be drawn for them in the whole batch, which may be that of several processes."""

    first: int
    whole: int
    step: int = 1

    def of(self, samples: int) -> slice:
        """Where so many of them lie in the whole batch."""
        return slice(self.first, self.first + samples * self.step, self.step)


# (supernet, images, architecture, by how much a layer's chance to be skipped grows) → its logits; None where the
# images are not for this backend.
Backend = Callable[["Supernet", Tensor, Architecture, float], Tensor | None]


class Supernet(nn.Module):
    """All architectures of a space as one module.

    frame: what the space's networks share. plan: the supernet's blueprints (`spacelang.lower.plan.of_space`).
    backend: a faster way to the same numbers, such as `fused.backend.backend`; None: by the modules alone.

    checkpointing: whether training computes layers anew in the backward pass instead of keeping what is inside
    them; set it to save memory (Chen et al., 2016).
    """

    def __init__(self, frame: Frame, plan: Plan, backend: Backend | None = None) -> None:
        super().__init__()
        self.frame = frame
        self.backend = backend
        self.limits = limits(plan)
        self.checkpointing = False
        self.tokens: ElasticTokens | None = None
        self.stages = nn.ModuleList([ElasticStage()])
        for blueprint in plan:
            match blueprint:
                case Stem():
                    self.stem = ElasticPatchEmbed(blueprint)
                case Tokens():
                    self.tokens = ElasticTokens(blueprint)
                case Merge():
                    self.stages.append(ElasticStage(ElasticPatchMerging(blueprint)))
                case TransformerBlock():
                    self.stages[-1].layers.append(ElasticLayer(blueprint))
                case Head():
                    self.head = ElasticHead(blueprint, frame)

    def forward(
        self, images: Tensor, architecture: Architecture, drop_path: float = 0.0, rows: BatchSlice | None = None
    ) -> Tensor:
        """The logits of an architecture: [B, channels, H, W] → [B, classes].

        H and W are multiples of the patch; windows follow the map at hand. drop_path: in training, the chance
        that a sample skips half a layer; it rises linearly from 0 in the first layer that the architecture has
        to this value in its last (stochastic depth, Huang et al., 2016). rows: which of a batch the
        images are, where they are not all of it. Raises ValueError where the
        architecture is no part of the supernet, with the stage, the layer and the dimension, and for images that
        are not whole patches.
        """
        require_subnet(self.frame, self.limits, architecture)
        step = drop_path / max(architecture.depth - 1, 1) if self.training else 0.0
        if (
            self.backend is not None
            and rows is None
            and (logits := self.backend(self, images, architecture, step)) is not None
        ):
            return logits
        before = 0
        x, grid = self.stem(images, architecture.stages[0].embed)
        if self.tokens is not None:
            x = self.tokens(x, grid)
        for modules, stage in zip(self.stages, architecture.stages, strict=True):
            if modules.merge is not None:
                x, grid = modules.merge(x, grid, stage.embed)
            # A shallower architecture leaves the last layers of a stage out.
            for module, layer in zip(modules.layers, stage.layers, strict=False):
                about = (grid, layer, stage.hidden(layer), step * before, rows)
                if self.checkpointing and self.training:
                    x = checkpoint(module, x, *about, use_reentrant=False)
                else:
                    x = module(x, *about)
                before += 1
        return self.head(x)

    def slices(self, architecture: Architecture) -> Slices:
        """The weights of an architecture by their names in `network.Network`, as views where a view serves.

        Raises ValueError as `forward` does.
        """
        require_subnet(self.frame, self.limits, architecture)
        embed = architecture.stages[0].embed
        parts = {"stem": self.stem.slices(embed)}
        if self.tokens is not None:
            parts["tokens"] = self.tokens.slices(embed)
        for number, (modules, stage) in enumerate(zip(self.stages, architecture.stages, strict=True)):
            if modules.merge is not None:
                parts[f"stages.{number}.merge"] = modules.merge.slices(embed, stage.embed)
            embed = stage.embed
            for index, (module, layer) in enumerate(zip(modules.layers, stage.layers, strict=False)):
                parts[f"stages.{number}.layers.{index}"] = module.slices(embed, layer, stage.hidden(layer))
        parts["head"] = self.head.slices(embed)
        return {f"{place}.{name}": tensor for place, part in parts.items() for name, tensor in part.items()}

    def no_weight_decay(self) -> set[str]:
        """The names of the parameters that weight decay leaves alone: all but kernels and matrices."""
        return {name for name, _ in self.named_parameters() if not name.endswith("weight") or "norm" in name}

    def matrices(self) -> dict[str, tuple[int, int, int]]:
        """What layers and mergings multiply by, by name: of how many matrices, of how many rows (outputs) and
        columns (inputs). Embeddings, tables and the classifier are none of it."""
        free = self.no_weight_decay()
        found = {}
        for name, parameter in self.stages.named_parameters(prefix="stages"):
            if name not in free:
                count = 3 if name.endswith("qkv_weight") else 1
                rows = parameter.shape[1] if count == 3 else parameter.shape[0]
                found[name] = count, rows, parameter.numel() // (count * rows)
        return found


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


def skipping(x: Tensor, chance: float, rows: BatchSlice | None = None) -> Tensor:
    """x with each sample zeroed by this chance, and the others scaled so that the expectation is x."""
    if chance == 0.0:
        return x
    samples = len(x) if rows is None else rows.whole
    keep = x.new_empty(samples, *(1,) * (x.dim() - 1)).bernoulli_(1.0 - chance)
    if rows is not None:
        keep = keep[rows.of(len(x))]
    return x * (keep / (1.0 - chance))


def small(*shape: int) -> nn.Parameter:
    """A parameter of small random values, as Swin and timm begin: normal, deviation 0.02, cut at ±2."""
    return nn.Parameter(nn.init.trunc_normal_(torch.empty(shape), std=0.02))
