"""A network's weights in the shapes of a supernet: what it has more heads or hidden channels of, the most important
are kept of."""

from __future__ import annotations

from fractions import Fraction

import attrs
from attrs import frozen
from torch import Tensor

from spacelang.architecture import Architecture, Layer, Stage
from spacelang.expression import exact
from spacelang.lower.plan import TransformerBlock
from spacelang_runtime.failure import Failure
from spacelang_runtime.nn.importance import ordered
from spacelang_runtime.nn.network import Network
from spacelang_runtime.nn.subnet import StageLimits
from spacelang_runtime.nn.supernet import Supernet
from spacelang_runtime.ops.position_embedding import centre
from spacelang_runtime.ops.slices import prefix


@frozen(eq=False)
class Fitted:
    """architecture: of the network, no wider than the supernet in any dimension. weights: its own, by their names
    in `Network`; without the classifier, where that tells other classes apart. share: of the network's weights
    that these are."""

    architecture: Architecture
    weights: dict[str, Tensor]
    share: float


def fitted(network: Network, supernet: Supernet, whose: str) -> Fitted:
    """The weights of a network for a supernet (`nn.inherit`). whose: the network's, in words.

    Layers may have more heads and hidden channels than the supernet's, and larger windows: the most important are
    kept, and the middle of a table of relative positions. Raises `Failure` that names all else that does not fit.
    """
    given = network.architecture
    if wrong := misfits(given, supernet):
        raise Failure(
            f"{whose} does not fit into the supernet: {'; '.join(wrong)}",
            "take a model of this image and no more stages, layers or channels, or widen the space",
        )
    frame = supernet.frame
    stages = tuple(
        Stage(stage.embed, tuple(_within(layer, stage, block) for layer, block in _pairs(stage, limit)))
        for stage, limit in zip(given.stages, supernet.limits, strict=True)
    )
    architecture = Architecture(frame, stages)
    places = supernet.slices(architecture)
    weights = ordered(network.state_dict(), given)
    for number, stage in enumerate(architecture.stages):
        for index, layer in enumerate(stage.layers):
            name = f"stages.{number}.layers.{index}.attention.qkv."
            heads, width = given.stages[number].layers[index].heads, layer.head_width
            for part in ("weight", "bias"):  # its rows are three blocks, of which each has its own prefix
                whole = weights[name + part].unflatten(0, (3, heads, width))
                weights[name + part] = whole[:, : layer.heads].flatten(0, 2)
    kept = {
        name: _cut(tensor, places[name])
        for name, tensor in weights.items()
        if given.frame.classes == frame.classes or not name.startswith("head.classify")
    }
    own = sum(tensor.numel() for tensor in network.state_dict().values())
    return Fitted(architecture, kept, sum(tensor.numel() for tensor in kept.values()) / own)


def misfits(given: Architecture, supernet: Supernet) -> list[str]:
    """What of a network has no place in a supernet, in words."""
    own = attrs.evolve(given.frame, classes=supernet.frame.classes)
    if unlike := supernet.frame.unlike(own):
        return [f"it has {unlike}"]
    if len(given.stages) != len(supernet.limits):
        return [f"it has {len(given.stages)} stages, and the space {len(supernet.limits)}"]
    wrong = []
    for number, (stage, limit) in enumerate(zip(given.stages, supernet.limits, strict=True), 1):
        if stage.embed > limit.embed:
            wrong.append(f"stage {number} is {stage.embed} wide, and at most {limit.embed} in the space")
        if len(stage.layers) > len(limit.layers):
            wrong.append(f"stage {number} has {len(stage.layers)} layers, and at most {len(limit.layers)}")
        for index, (layer, block) in enumerate(_pairs(stage, limit), 1):
            if layer.head_width > block.head_width:
                place = f"stage {number}, layer {index}"
                wrong.append(f"{place}: heads are {layer.head_width} wide, and {block.head_width} in the space")
    return wrong


def _pairs(stage: Stage, limit: StageLimits) -> list[tuple[Layer, TransformerBlock]]:
    return list(zip(stage.layers, limit.layers, strict=False))


def _within(layer: Layer, stage: Stage, block: TransformerBlock) -> Layer:
    """The layer with no more than a supernet's has."""
    heads = min(layer.heads, block.heads, block.qkv // layer.head_width)
    hidden = min(stage.hidden(layer), block.hidden)
    window = layer.window
    if window == "global":
        window = "global" if block.window == "global" else block.span
    else:
        window = min(window, block.span)
    mlp = exact(Fraction(hidden, stage.embed))
    return attrs.evolve(layer, heads=heads, qkv=heads * layer.head_width, mlp=mlp, window=window)


def _cut(tensor: Tensor, place: Tensor) -> Tensor:
    """The part of a tensor that has a place: its prefix, and of a table of relative positions the middle."""
    if tensor.dim() == 3 and place.dim() == 3 and tensor.shape[1:] != place.shape[1:]:
        tensor = centre(tensor, *((size + 1) // 2 for size in place.shape[1:]))
    return prefix(tensor, *place.shape)
