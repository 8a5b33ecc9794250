"""The parts of a network, for images of one size, in operators that converters know."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spacelang_runtime.export.portable import windows
from spacelang_runtime.export.portable.position_embedding import Bias, Ways
from spacelang_runtime.nn import network
from spacelang_runtime.ops import position_embedding
from spacelang_runtime.ops.windows import Cut, Grid, cut


class Portable(nn.Module):
    """A network for images of one size: images [B, channels, side, side] → logits [B, classes].

    Its weights are copies, in float32 and on the CPU.
    """

    def __init__(self, given: network.Network, side: int) -> None:
        super().__init__()
        grid = (side // given.stem.patch,) * 2
        self.stem = given.stem
        self.tokens = None if given.tokens is None else PortablePositionEmbedding(given.tokens, grid)
        self.parts = nn.ModuleDict()  # by names that a converter's complaint can be told by
        for number, stage in enumerate(given.stages, 1):
            if stage.merge is not None:
                self.parts[f"stage_{number}_merging"] = Merging(stage.merge, grid)
                grid = (-(-grid[0] // 2), -(-grid[1] // 2))
            for index, layer in enumerate(stage.layers, 1):
                self.parts[f"stage_{number}_layer_{index}"] = PortableTransformerLayer(layer, grid)
        self.head = PortableClassifier(given.head)

    def forward(self, images: Tensor) -> Tensor:
        run = PortablePass(images)
        x, _ = self.stem(images)
        if self.tokens is not None:
            x = self.tokens(x)
        for part in self.parts.values():
            x = part(x, run)
        logits: Tensor = self.head(x)
        return logits


class PortablePass:
    """What one pass makes once: a zero, [1, 1], that depends on the input and that no runtime therefore folds, and
    the masks of the cuts that its layers share."""

    def __init__(self, given: Tensor) -> None:
        self.zero = given[(slice(1),) * given.dim()].reshape(1, 1) * 0
        self.masks: dict[Cut, Tensor] = {}


class PortablePositionEmbedding(nn.Module):
    """See `nn.network.PositionEmbedding`; positions are those of the map at hand."""

    def __init__(self, given: network.PositionEmbedding, grid: Grid) -> None:
        super().__init__()
        self.token = None if given.token is None else nn.Parameter(given.token.detach().reshape(1, 1, -1))
        table = given.absolute
        self.absolute = (
            None
            if table is None
            else nn.Parameter(position_embedding.absolute(table.detach(), grid, given.token is not None))
        )

    def forward(self, x: Tensor) -> Tensor:
        if self.token is not None:
            x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1)
        return x if self.absolute is None else x + self.absolute


class Merging(nn.Module):
    """See `nn.network.PatchMerging`."""

    def __init__(self, given: network.PatchMerging, grid: Grid) -> None:
        super().__init__()
        self.grid = grid
        self.norm, self.reduce = given.norm, given.reduce

    def forward(self, x: Tensor, run: PortablePass | None = None) -> Tensor:
        rows, columns = self.grid
        high, wide, channels = -(-rows // 2), -(-columns // 2), x.shape[-1]
        x = x.reshape(-1, rows, columns, channels)
        if rows % 2 or columns % 2:
            x = F.pad(x, (0, 0, 0, columns % 2, 0, rows % 2))
        squares = x.reshape(-1, 2, wide, 2, channels).permute(0, 2, 3, 1, 4)
        reduced: Tensor = self.reduce(self.norm(squares.reshape(-1, high * wide, 4 * channels)))
        return reduced


class PortableClassifier(nn.Module):
    """See `nn.network.Classifier`."""

    def __init__(self, given: network.Classifier) -> None:
        super().__init__()
        self.norm, self.classify = given.norm, given.classify
        self.first, self.pool = given.first, given.pool

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(x)
        # A slice that leaves nothing out is an operator that not every converter knows.
        patches = x[:, self.first :] if self.first else x
        logits: Tensor = self.classify(x[:, 0] if self.pool == "token" else patches.mean(1))
        return logits


class PortableTransformerLayer(nn.Module):
    """See `nn.network.TransformerLayer`, in evaluation."""

    def __init__(self, given: network.TransformerLayer, grid: Grid) -> None:
        super().__init__()
        self.norm1, self.norm2 = given.norm1, given.norm2
        self.attention = attention_of(given.attention, grid)
        self.expand, self.contract = given.expand, given.contract

    def forward(self, x: Tensor, run: PortablePass) -> Tensor:
        x = x + self.attention(self.norm1(x), run)
        mixed: Tensor = x + self.contract(F.gelu(self.expand(self.norm2(x))))
        return mixed


def attention_of(given: network.Attention, grid: Grid) -> PortableAttention | Alone:
    """The attention of a layer over a map."""
    windows_ = cut(grid, given.window, given.shifted, given.token)
    return (
        Alone(given, windows_)
        if windows_.window == (1, 1) and not given.token
        else PortableAttention(given, windows_)
    )


class Alone(nn.Module):
    """Attention in windows of one token: each gathers its own value, whatever its score."""

    def __init__(self, given: network.Attention, windows_: Cut) -> None:
        super().__init__()
        self.cut = windows_
        width = given.out.in_features
        weight, bias = given.qkv.weight.detach()[2 * width :], given.qkv.bias.detach()[2 * width :]
        if given.relative is not None:
            ways = Ways(given.relative.detach(), windows_)
            bias = bias + (ways.value_rows + ways.value_columns).flatten().repeat(given.heads)
        self.value, self.out = _linear(weight, bias), given.out

    def forward(self, x: Tensor, run: PortablePass) -> Tensor:
        mixed: Tensor = self.out(self.value(x))
        return mixed


class PortableAttention(nn.Module):
    """See `nn.network.Attention`. The queries' weights hold the factor 1/√d. Queries, keys and values are layers of
    their own: cutting their product apart takes runtimes longer than three products do."""

    def __init__(self, given: network.Attention, windows_: Cut) -> None:
        super().__init__()
        self.heads = given.heads
        self.cut = windows_
        width = given.out.in_features
        scales = (width // self.heads) ** -0.5, 1.0, 1.0
        self.query, self.key, self.value = (
            _linear(scale * weight, scale * bias)
            for scale, weight, bias in zip(
                scales, given.qkv.weight.detach().chunk(3), given.qkv.bias.detach().chunk(3), strict=True
            )
        )
        self.out = given.out
        self.bias = None
        if given.bias is not None:
            self.bias = Bias(given.bias.detach(), self.cut, given.window == "global")
        self.ways = None if given.relative is None else Ways(given.relative.detach(), self.cut)
        self.shifted = self.cut.shift != (0, 0)
        if self.shifted:
            for name, part in zip(("of_queries", "of_keys"), windows.parts(self.cut), strict=True):
                self.register_buffer(name, part)

    def forward(self, x: Tensor, run: PortablePass) -> Tensor:
        x = windows.split(x, self.cut)
        tokens = x.shape[1]
        q, k, v = (
            part(x).reshape(-1, tokens, self.heads, self.out.in_features // self.heads).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        )
        scores = q @ k.transpose(2, 3)
        if self.ways is not None:
            scores = scores + self.ways.of_keys(q)
        if self.bias is not None:
            scores = scores + self.bias(run.zero)
        if self.shifted:
            apart = self._mask(run)
            scores = scores.reshape(-1, *apart.shape[:1], self.heads, tokens, tokens) + apart
            scores = scores.reshape(-1, self.heads, tokens, tokens)
        weights = scores.softmax(-1)
        mixed = weights @ v
        if self.ways is not None:
            mixed = mixed + self.ways.of_values(weights)
        mixed = mixed.transpose(1, 2).reshape(-1, tokens, self.out.in_features)
        return windows.join(self.out(mixed), self.cut)

    def _mask(self, run: PortablePass) -> Tensor:
        """[number, 1, T, T], made once for all layers of this cut."""
        if self.cut not in run.masks:
            run.masks[self.cut] = ((self.of_queries + run.zero) @ self.of_keys).unsqueeze(1)
        return run.masks[self.cut]


def _linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    """A linear layer with copies of these."""
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(bias)
    return layer
