"""The plan of a network: its modules in order, as data, with the shapes they have.

A plan of an architecture is that network. A plan of a space is its supernet: the same modules with the
largest shape that any architecture of the space needs. Cost is read from plans and modules are built from
plans, so the two cannot disagree.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import Any

import attrs
from attrs import frozen

from spacelang.architecture import Architecture, Frame, Layer, LayerWindow
from spacelang.lower.cells import Legal


@frozen
class Stem:
    """Patch embedding: a convolution whose stride is its size, with bias, then an optional LayerNorm."""

    side: int  # of the map it makes, in tokens
    patch: int
    channels: int
    embed: int
    norm: bool


@frozen
class Tokens:
    """What is joined and added to the patches before the first layer: a class token, absolute positions."""

    side: int
    embed: int
    token: bool
    absolute: bool


@frozen
class TransformerBlock:
    """One transformer layer: LayerNorm, attention, LayerNorm, MLP, each half with its residual.

    side: of the map it works on, in tokens. token: whether a class token stands before that map.
    window: side of the attention window, or "global". shift: by how many tokens the windows are moved.
    bias: relative position bias, a table of (2·window − 1)² entries a head (Liu et al., 2021).
    relative: largest distance told apart by the row and column tables for keys and values, each of
    2·relative + 2 entries as wide as a head (Chen et al., 2021, AutoFormer); 0: none.
    """

    stage: int
    index: int
    side: int
    token: bool
    embed: int
    heads: int
    qkv: int
    head_width: int
    hidden: int
    window: LayerWindow
    shift: int
    bias: bool
    relative: int

    @property
    def span(self) -> int:
        """The side of the window in tokens on the map at hand."""
        return self.side if self.window == "global" else min(self.window, self.side)


@frozen
class Merge:
    """Patch merging: 2×2 neighbours side by side, LayerNorm, a linear layer without bias (Liu et al., 2021)."""

    side: int  # of the map it reads
    embed: int
    out: int


@frozen
class Head:
    """LayerNorm, pooling to one vector, a linear classifier."""

    tokens: int
    embed: int
    classes: int


Blueprint = Stem | Tokens | TransformerBlock | Merge | Head
Plan = tuple[Blueprint, ...]


@frozen
class LayerShape:
    """The shape of a layer before it is placed: exact for a network, the largest of each for a supernet."""

    heads: int
    qkv: int
    head_width: int
    hidden: int
    window: LayerWindow


def shape(embed: int, layer: Layer) -> LayerShape:
    """The shape of a layer of a stage that is `embed` wide."""
    return LayerShape(layer.heads, layer.qkv, layer.head_width, int(layer.mlp * embed), layer.window)


@frozen
class StageShape:
    embed: int
    layers: tuple[LayerShape, ...]


def of_architecture(architecture: Architecture) -> Plan:
    """The plan of one network."""
    return _plan(
        architecture.frame,
        tuple(
            StageShape(stage.embed, tuple(shape(stage.embed, layer) for layer in stage.layers))
            for stage in architecture.stages
        ),
    )


def of_space(frame: Frame, legal: Legal) -> Plan:
    """The plan of the supernet: each dimension's largest option over all architectures of the space."""
    stages = []
    for cells in legal.stages:
        kinds = {
            (cell.embed, id(cell.options)): cell for cell in cells
        }.values()  # cells of several depths share them
        options = {shape(cell.embed, layer) for cell in kinds for layer in cell.options}
        widest = LayerShape(**{name: _widest(getattr(one, name) for one in options) for name in _SHAPE})
        depth = max(cell.depth for cell in cells)
        stages.append(StageShape(max(cell.embed for cell in cells), (widest,) * depth))
    return _plan(frame, tuple(stages))


_SHAPE = tuple(field.name for field in attrs.fields(LayerShape))


def _widest(sizes: Iterable[LayerWindow]) -> Any:
    """The largest of some sizes; a global window is larger than any."""
    return max(sizes, key=lambda size: inf if size == "global" else size)


def _plan(frame: Frame, stages: tuple[StageShape, ...]) -> Plan:
    token = frame.token == "class"
    first = stages[0].embed
    plan: list[Blueprint] = [stem(frame, first)]
    if token or "absolute" in frame.position:
        plan.append(tokens(frame, first))
    for number, stage in enumerate(stages):
        if number:
            plan.append(merge(frame, number, stages[number - 1].embed, stage.embed))
        plan += [block(frame, number, index, stage.embed, layer) for index, layer in enumerate(stage.layers)]
    plan.append(head(frame, len(stages), stages[-1].embed))
    return tuple(plan)


def stem(frame: Frame, embed: int) -> Stem:
    """The patch embedding of a first stage that is `embed` wide."""
    return Stem(frame.side(0), frame.patch, frame.channels, embed, frame.stem_norm)


def tokens(frame: Frame, embed: int) -> Tokens:
    """What is joined and added to the patches of a first stage that is `embed` wide."""
    return Tokens(frame.side(0), embed, frame.token == "class", "absolute" in frame.position)


def block(frame: Frame, stage: int, index: int, embed: int, layer: LayerShape) -> TransformerBlock:
    """A layer in its place: every second one of a stage is shifted by half a window, unless it sees all."""
    side = frame.side(stage)
    covers = layer.window == "global" or layer.window >= side
    return TransformerBlock(
        stage=stage,
        index=index,
        side=side,
        token=frame.token == "class",
        embed=embed,
        heads=layer.heads,
        qkv=layer.qkv,
        head_width=layer.head_width,
        hidden=layer.hidden,
        window=layer.window,
        shift=layer.window // 2 if index % 2 and layer.window != "global" and not covers else 0,
        bias="bias" in frame.position,
        relative=side if "relative" in frame.position else 0,
    )


def merge(frame: Frame, stage: int, embed: int, out: int) -> Merge:
    """The patch merging that leads to a stage."""
    return Merge(frame.side(stage - 1), embed, out)


def head(frame: Frame, stages: int, embed: int) -> Head:
    """The head of a network of so many stages."""
    side = frame.side(stages - 1)
    return Head(side * side + (frame.token == "class"), embed, frame.classes)
