"""What the blocks of a space are timed as: patch embeddings, merging layers, heads, and the two halves of layers.

A layer is its attention, which depends on its width, heads and window, and its MLP, which depends on its width and
hidden channels: timed apart they are far fewer. Two of a kind are timed in a row, of attention the unshifted and
the shifted one, as layers alternate, and halved.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from attrs import frozen
from torch import Tensor, nn

from spacelang.architecture import Frame, LayerWindow
from spacelang.lower import plan
from spacelang.lower.costs import head_key, layer_key, merge_key, stem_key
from spacelang.lower.lowered import Lowered
from spacelang.lower.plan import LayerShape
from spacelang_runtime.export.portable import network as portable
from spacelang_runtime.nn import network

PAIR = 2  # halves of layers in a row


@frozen
class TimedStem:
    embed: int


@frozen
class TimedMerging:
    stage: int  # that it leads to, from 0
    embed: int
    out: int


@frozen
class TimedHead:
    embed: int


@frozen
class TimedAttention:
    stage: int
    embed: int
    heads: int
    qkv: int
    head_width: int
    window: LayerWindow


@frozen
class TimedMlp:
    stage: int
    embed: int
    hidden: int


TimedPiece = TimedStem | TimedMerging | TimedHead | TimedAttention | TimedMlp


def pieces_of(lowered: Lowered) -> Mapping[str, tuple[TimedPiece, ...]]:
    """The pieces of every distinct block of a space, by its key in a cost table."""
    stages, found = lowered.legal.stages, {}
    for number, cells in enumerate(stages):
        for cell in cells:
            if number == 0:
                found[stem_key(cell.embed)] = (TimedStem(cell.embed),)
            if number == len(stages) - 1:
                found[head_key(cell.embed)] = (TimedHead(cell.embed),)
            for layer in cell.options:
                attention = TimedAttention(
                    number, cell.embed, layer.heads, layer.qkv, layer.head_width, layer.window
                )
                mlp = TimedMlp(number, cell.embed, int(layer.mlp * cell.embed))
                found[layer_key(number + 1, cell.embed, layer)] = (attention, mlp)
    for number, links in enumerate(lowered.legal.links, 1):
        for i, j in sorted(links):
            widths = stages[number - 1][i].embed, stages[number][j].embed
            found[merge_key(number + 1, *widths)] = (TimedMerging(number, *widths),)
    return found


def made(piece: TimedPiece, lowered: Lowered, batch: int) -> tuple[nn.Module, Tensor, int]:
    """A piece as a module of one input, that input, of noise, and how many of the piece the module is."""
    frame, last = lowered.space.frame, len(lowered.legal.stages)
    match piece:
        case TimedStem(embed):
            joined = frame.token == "class" or "absolute" in frame.position
            tokens = network.PositionEmbedding(plan.tokens(frame, embed)) if joined else None
            stem = _Stem(network.PatchEmbed(plan.stem(frame, embed)), tokens, frame)
            return stem, torch.randn(batch, frame.channels, frame.image, frame.image), 1
        case TimedMerging(stage, embed, out):
            merging = portable.Merging(
                network.PatchMerging(plan.merge(frame, stage, embed, out)), _grid(frame, stage - 1)
            )
            return merging, _tokens(frame, stage - 1, embed, batch), 1
        case TimedHead(embed):
            return (
                portable.PortableClassifier(network.Classifier(plan.head(frame, last, embed), frame)),
                _tokens(frame, last - 1, embed, batch),
                1,
            )
        case TimedAttention(stage, embed, heads, qkv, head_width, window):
            shape = LayerShape(heads, qkv, head_width, embed, window)
            blocks = [plan.block(frame, stage, index, embed, shape) for index in range(PAIR)]
            layers = [
                portable.PortableTransformerLayer(network.TransformerLayer(block), _grid(frame, stage))
                for block in blocks
            ]
            return _Attentions(layers), _tokens(frame, stage, embed, batch), PAIR
        case TimedMlp(stage, embed, hidden):
            shape = LayerShape(1, 4, 4, hidden, 1)
            blocks = [plan.block(frame, stage, 0, embed, shape) for _ in range(PAIR)]
            return (
                _Mlps([network.TransformerLayer(block) for block in blocks]),
                _tokens(frame, stage, embed, batch),
                PAIR,
            )


class _Stem(nn.Module):
    def __init__(self, stem: network.PatchEmbed, tokens: network.PositionEmbedding | None, frame: Frame) -> None:
        super().__init__()
        self.stem = stem
        self.tokens = None if tokens is None else portable.PortablePositionEmbedding(tokens, _grid(frame, 0))

    def forward(self, images: Tensor) -> Tensor:
        x: Tensor = self.stem(images)[0]
        return x if self.tokens is None else self.tokens(x)


class _Attentions(nn.Module):
    def __init__(self, layers: list[portable.PortableTransformerLayer]) -> None:
        super().__init__()
        self.norms = nn.ModuleList(layer.norm1 for layer in layers)
        self.attentions = nn.ModuleList(layer.attention for layer in layers)

    def forward(self, x: Tensor) -> Tensor:
        run = portable.PortablePass(x)
        for norm, attention in zip(self.norms, self.attentions, strict=True):
            x = x + attention(norm(x), run)
        return x


class _Mlps(nn.Module):
    def __init__(self, layers: list[network.TransformerLayer]) -> None:
        super().__init__()
        for name in ("norm2", "expand", "contract"):
            setattr(self, name, nn.ModuleList(getattr(layer, name) for layer in layers))

    def forward(self, x: Tensor) -> Tensor:
        for norm, expand, contract in zip(self.norm2, self.expand, self.contract, strict=True):
            x = x + contract(F.gelu(expand(norm(x))))
        return x


def _grid(frame: Frame, stage: int) -> tuple[int, int]:
    return frame.side(stage), frame.side(stage)


def _tokens(frame: Frame, stage: int, embed: int, batch: int) -> Tensor:
    return torch.randn(batch, frame.side(stage) ** 2 + (frame.token == "class"), embed)
