"""A network on its own: the plain model of one architecture, which needs nothing of the supernet.

Its parameters are what `spacelang.lower.cost` counts, and its products the MACs. Tokens are [B, tokens, C],
the map row by row, with the class token, if any, before it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from spacelang.architecture import Architecture, Frame
from spacelang.lower.plan import Head, Merge, Stem, Tokens, TransformerBlock, of_architecture
from spacelang_runtime.ops import position_embedding
from spacelang_runtime.ops.attention import attention
from spacelang_runtime.ops.patch_merging import neighbours
from spacelang_runtime.ops.windows import Grid, cut, grid_of

Taps = tuple[tuple[int, int], ...]


class Network(nn.Module):
    """The model of an architecture, with random weights.

    Its tree: stem, tokens (where there is a class token or there are absolute positions), stages[i].merge
    (from the second), stages[i].layers[j], head. drop_path: in training, the chance that a sample skips half a
    layer; it rises linearly from 0 in the first layer to this value in the last (Huang et al., 2016).

    taps: the layers whose output `features` gives, as (stage, layer) counted from 0; channels and strides: of
    these maps. checkpointing: whether training computes layers anew in the backward pass instead of keeping
    what is inside them; set it to save memory.
    """

    def __init__(self, architecture: Architecture, drop_path: float = 0.0) -> None:
        super().__init__()
        self.architecture = architecture
        self.checkpointing = False
        self.tokens: PositionEmbedding | None = None
        self.stages = nn.ModuleList([TransformerStage()])
        step, before = drop_path / max(architecture.depth - 1, 1), 0
        for blueprint in of_architecture(architecture):
            match blueprint:
                case Stem():
                    self.stem = PatchEmbed(blueprint)
                case Tokens():
                    self.tokens = PositionEmbedding(blueprint)
                case Merge():
                    self.stages.append(TransformerStage(PatchMerging(blueprint)))
                case TransformerBlock():
                    self.stages[-1].layers.append(TransformerLayer(blueprint, step * before))
                    before += 1
                case Head():
                    self.head = Classifier(blueprint, architecture.frame)
        self.taps = taps(architecture)
        self.channels = tuple(architecture.stages[stage].embed for stage, _ in self.taps)
        self.strides = tuple(architecture.frame.patch << stage for stage, _ in self.taps)

    def forward(self, images: Tensor) -> Tensor:
        """The logits of images of any size that is whole patches: [B, channels, H, W] → [B, classes].

        At another size than the architecture's, windows follow the map at hand and their bias tables stay;
        absolute positions and the bias of global attention are resized bicubically. Raises ValueError for a
        side that is not whole patches.
        """
        return self.head(self.encode(images)[0])

    def features(self, images: Tensor) -> tuple[Tensor, ...]:
        """The maps of the layers `taps`: of each stage its last layer's, of a single stage four layers' at
        even distances (fewer where it is not so deep), without the class token.

        images: [B, channels, H, W] of any size; zeros below and to the right fill the last patches. Gives
        [B, channels[i], ⌈H / strides[i]⌉, ⌈W / strides[i]⌉] each, not normalised.
        """
        return self.encode(self.stem.filled(images), self.taps)[2]

    def encode(self, images: Tensor, taps: Taps = ()) -> tuple[Tensor, Grid, tuple[Tensor, ...]]:
        """What the layers make of images: the last layer's tokens [B, tokens, C], the grid they lie on, and
        the maps [B, C, rows, columns] of the layers `taps`."""
        x, grid = self.stem(images)
        if self.tokens is not None:
            x = self.tokens(x, grid)
        maps = []
        for number, stage in enumerate(self.stages):
            if stage.merge is not None:
                x, grid = stage.merge(x, grid)
            for index, layer in enumerate(stage.layers):
                if self.checkpointing and self.training:
                    x = checkpoint(layer, x, grid, use_reentrant=False)
                else:
                    x = layer(x, grid)
                if (number, index) in taps:
                    maps.append(as_map(x, grid))
        return x, grid, tuple(maps)

    def no_weight_decay(self) -> set[str]:
        """The names of the parameters that weight decay leaves alone: all but kernels and matrices."""
        return {name for name, _ in self.named_parameters() if not name.endswith("weight") or "norm" in name}


def taps(architecture: Architecture) -> Taps:
    """The layers whose maps are a network's features, as (stage, layer) counted from 0."""
    depths = [len(stage.layers) for stage in architecture.stages]
    if len(depths) > 1:
        return tuple((stage, depth - 1) for stage, depth in enumerate(depths))
    (depth,) = depths
    return tuple((0, end - 1) for end in sorted({-(-depth * quarter // 4) for quarter in (1, 2, 3, 4)}))


def as_map(x: Tensor, grid: Grid) -> Tensor:
    """The tokens of a map in their places, without a class token: [B, tokens, C] → [B, C, rows, columns]."""
    first = x.shape[1] - grid[0] * grid[1]
    return x[:, first:].transpose(1, 2).unflatten(2, grid)


class PatchEmbed(nn.Module):
    """Each patch of an image as one token."""

    def __init__(self, plan: Stem) -> None:
        super().__init__()
        self.patch = plan.patch
        self.patches = nn.Conv2d(plan.channels, plan.embed, plan.patch, plan.patch)
        self.norm = nn.LayerNorm(plan.embed) if plan.norm else None

    def forward(self, images: Tensor) -> tuple[Tensor, Grid]:
        grid = grid_of(images, self.patch)
        x = self.patches(images).flatten(2).transpose(1, 2).contiguous()
        return (x if self.norm is None else self.norm(x)), grid

    def filled(self, images: Tensor) -> Tensor:
        """Images with zeros below them and to their right, so that they are whole patches."""
        below, beside = (-side % self.patch for side in images.shape[-2:])
        return F.pad(images, (0, beside, 0, below)) if below or beside else images


class PositionEmbedding(nn.Module):
    """The class token before the patches, [C], and what is added to each place, [tokens, C]."""

    def __init__(self, plan: Tokens) -> None:
        super().__init__()
        self.token = small(plan.embed) if plan.token else None
        self.absolute = small(plan.side**2 + plan.token, plan.embed) if plan.absolute else None

    def forward(self, x: Tensor, grid: Grid) -> Tensor:
        return position_embedding.add_positions(x, grid, self.token, self.absolute)


class TransformerStage(nn.Module):
    """The layers of one resolution, after the merging that leads to it."""

    def __init__(self, merge: PatchMerging | None = None) -> None:
        super().__init__()
        self.merge = merge
        self.layers = nn.ModuleList()


class PatchMerging(nn.Module):
    """Four neighbours as one token of another width."""

    def __init__(self, plan: Merge) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * plan.embed)
        self.reduce = linear(4 * plan.embed, plan.out, bias=False)

    def forward(self, x: Tensor, grid: Grid) -> tuple[Tensor, Grid]:
        x, grid = neighbours(x, grid)
        return self.reduce(self.norm(x)), grid


class TransformerLayer(nn.Module):
    """One transformer layer: attention and MLP, each behind a LayerNorm and beside a shortcut.

    drop: in training, the chance that a sample takes the shortcut alone.
    """

    def __init__(self, plan: TransformerBlock, drop: float = 0.0) -> None:
        super().__init__()
        self.drop = drop
        self.norm1 = nn.LayerNorm(plan.embed)
        self.attention = Attention(plan)
        self.norm2 = nn.LayerNorm(plan.embed)
        self.expand = linear(plan.embed, plan.hidden)
        self.contract = linear(plan.hidden, plan.embed)

    def forward(self, x: Tensor, grid: Grid) -> Tensor:
        x = x + self.skipped(self.attention(self.norm1(x), grid))
        return x + self.skipped(self.contract(F.gelu(self.expand(self.norm2(x)))))

    def skipped(self, x: Tensor) -> Tensor:
        """x with some samples zeroed in training, and the others scaled so that the expectation is x."""
        if not self.training or not self.drop:
            return x
        return x * F.dropout(x.new_ones(x.shape[0], 1, 1), self.drop)


class Attention(nn.Module):
    """Attention inside windows.

    qkv makes the queries of all heads, then their keys, then their values. bias: [heads, 2·window − 1,
    2·window − 1], see `position_embedding.bias`. relative: [4, 2·r + 2, head width], see
    `position_embedding.relative`.
    """

    def __init__(self, plan: TransformerBlock) -> None:
        super().__init__()
        self.heads = plan.heads
        self.window = plan.window
        self.shifted = plan.index % 2 == 1
        self.token = plan.token
        self.qkv = linear(plan.embed, 3 * plan.qkv)
        self.out = linear(plan.qkv, plan.embed)
        self.bias = small(plan.heads, 2 * plan.span - 1, 2 * plan.span - 1) if plan.bias else None
        self.relative = small(4, 2 * plan.relative + 2, plan.head_width) if plan.relative else None

    def forward(self, x: Tensor, grid: Grid) -> Tensor:
        windows = cut(grid, self.window, self.shifted, self.token)
        qkv, out = (self.qkv.weight, self.qkv.bias), (self.out.weight, self.out.bias)
        return attention(x, windows, self.heads, qkv, out, self.bias, self.relative, self.window == "global")


class Classifier(nn.Module):
    """LayerNorm, one vector from all tokens, a score for each class."""

    def __init__(self, plan: Head, frame: Frame) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(plan.embed)
        self.classify = linear(plan.embed, plan.classes)
        self.first = int(frame.token == "class")  # of the patches
        self.pool = frame.pool

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(x)
        return self.classify(x[:, 0] if self.pool == "token" else x[:, self.first :].mean(1))


def linear(inputs: int, outputs: int, bias: bool = True) -> nn.Linear:
    """A linear layer that begins as `small` does, with zero bias."""
    made = nn.Linear(inputs, outputs, bias)
    nn.init.trunc_normal_(made.weight, std=0.02)
    if bias:
        nn.init.zeros_(made.bias)
    return made


def small(*shape: int) -> nn.Parameter:
    """A parameter of small random values, as in Swin and timm: normal, deviation 0.02, cut at ±2."""
    return nn.Parameter(nn.init.trunc_normal_(torch.empty(shape), std=0.02))
