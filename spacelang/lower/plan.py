"""The plan of a network: its modules in order, as data, with the shapes they have.

A plan of an architecture is that network. A plan of a space is its supernet: the same modules with the
largest shape that any architecture of the space needs. Cost is read from plans and modules are built from
plans, so the two cannot disagree.
"""

from __future__ import annotations

from attrs import frozen

from spacelang.architecture import Architecture, Frame, Window
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
class Block:
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
    window: Window
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


Blueprint = Stem | Tokens | Block | Merge | Head
Plan = tuple[Blueprint, ...]


@frozen
class LayerShape:
    """The shape of a layer before it is placed: exact for a network, the largest of each for a supernet."""

    heads: int
    qkv: int
    head_width: int
    hidden: int
    window: Window


@frozen
class StageShape:
    embed: int
    layers: tuple[LayerShape, ...]


def of_architecture(architecture: Architecture) -> Plan:
    """The plan of one network."""
    return _plan(
        architecture.frame,
        tuple(
            StageShape(
                stage.embed,
                tuple(
                    LayerShape(layer.heads, layer.qkv, layer.head_width, stage.hidden(layer), layer.window)
                    for layer in stage.layers
                ),
            )
            for stage in architecture.stages
        ),
    )


def of_space(frame: Frame, legal: Legal) -> Plan:
    """The plan of the supernet: each dimension's largest option over all architectures of the space."""
    stages = []
    for cells in legal.stages:
        options = [(cell.embed, layer) for cell in cells for layer in cell.options]
        shape = LayerShape(
            heads=max(layer.heads for _, layer in options),
            qkv=max(layer.qkv for _, layer in options),
            head_width=max(layer.head_width for _, layer in options),
            hidden=max(int(layer.mlp * embed) for embed, layer in options),
            window=max((layer.window for _, layer in options), key=lambda w: float("inf") if w == "global" else w),
        )
        depth = max(cell.depth for cell in cells)
        stages.append(StageShape(max(cell.embed for cell in cells), (shape,) * depth))
    return _plan(frame, tuple(stages))


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


def block(frame: Frame, stage: int, index: int, embed: int, layer: LayerShape) -> Block:
    """A layer in its place: every second one of a stage is shifted by half a window, unless it sees all."""
    side = frame.side(stage)
    covers = layer.window == "global" or layer.window >= side
    return Block(
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
