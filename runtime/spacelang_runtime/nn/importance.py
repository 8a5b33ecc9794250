"""The heads and hidden channels of a network, the most important first: a prefix of them keeps what counts.

Importance is the mean square of what a head, or a channel, adds to the residual stream. It is taken from the
weights alone: a token that LayerNorm has normalised is x = g · z + s, with the norm's weight g and bias s; its
channels z are taken as independent, of mean 0 and variance 1.

**A head** writes O·V·x̄, where x̄ is a mean of tokens; at most (all attention on one token) that is O·V·x, with V its
rows of the values' matrix (bias v) and O its columns of the output's. Then

    E‖O (V x + v)‖² = ‖O V diag(g)‖² + ‖O (V s + v)‖².

**A hidden channel** writes c · GELU(a), with c its column of the second matrix and a = w · x + b, which has the
mean m = w · s + b and the variance r² = ‖w · g‖². With max(a, 0) for GELU(a), of which it is the limit,

    E‖c max(a, 0)‖² = ‖c‖² ((m² + r²) Φ(m/r) + m r φ(m/r)),    a ~ N(m, r²).

Which heads and channels come first changes no answer of the whole network.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from spacelang.architecture import Architecture

NamedWeights = Mapping[str, Tensor]


def ordered(weights: NamedWeights, architecture: Architecture) -> dict[str, Tensor]:
    """The weights of a network, by their names in `Network`, with the heads and hidden channels of each layer in
    falling order of importance; equals stay as they were."""
    moved = dict(weights)
    for number, stage in enumerate(architecture.stages):
        for index, layer in enumerate(stage.layers):
            place = f"stages.{number}.layers.{index}."
            own = {name.removeprefix(place): tensor for name, tensor in weights.items() if name.startswith(place)}
            heads = torch.sort(head_importance(own, layer.heads), descending=True, stable=True).indices
            hidden = torch.sort(hidden_importance(own), descending=True, stable=True).indices
            moved |= {place + name: tensor for name, tensor in _sorted(own, heads, hidden).items()}
    return moved


def head_importance(layer: NamedWeights, heads: int) -> Tensor:
    """[heads]: E‖O (V x + v)‖² of each head of a layer, whose tensors have their names in it."""
    gain, shift = layer["norm1.weight"].double(), layer["norm1.bias"].double()
    out = layer["attention.out.weight"].double().unflatten(1, (heads, -1)).transpose(0, 1)  # [heads, embed, width]
    values = layer["attention.qkv.weight"].double().unflatten(0, (3, heads, -1))[2]  # [heads, width, embed]
    bias = layer["attention.qkv.bias"].double().unflatten(0, (3, heads, -1))[2]
    moving = (out @ (values * gain)).square().sum((1, 2))
    constant = (out @ (values @ shift + bias)[..., None]).square().sum((1, 2))
    return moving + constant


def hidden_importance(layer: NamedWeights) -> Tensor:
    """[hidden]: E‖c max(a, 0)‖² of each hidden channel of a layer's MLP."""
    gain, shift = layer["norm2.weight"].double(), layer["norm2.bias"].double()
    weight = layer["expand.weight"].double()
    mean = weight @ shift + layer["expand.bias"].double()
    deviation = (weight * gain).norm(dim=1).clamp_min(1e-30)
    ratio = mean / deviation
    below = 0.5 * torch.erfc(-ratio / math.sqrt(2))
    density = torch.exp(-ratio.square() / 2) / math.sqrt(2 * math.pi)
    square = (mean.square() + deviation.square()) * below + mean * deviation * density
    return layer["contract.weight"].double().square().sum(0) * square


def _sorted(layer: NamedWeights, heads: Tensor, hidden: Tensor) -> dict[str, Tensor]:
    """What of a layer's tensors is by head or by hidden channel, in another order of these."""
    count = len(heads)
    moved = {
        "attention.qkv.weight": layer["attention.qkv.weight"].unflatten(0, (3, count, -1))[:, heads].flatten(0, 2),
        "attention.qkv.bias": layer["attention.qkv.bias"].unflatten(0, (3, count, -1))[:, heads].flatten(),
        "attention.out.weight": layer["attention.out.weight"].unflatten(1, (count, -1))[:, heads].flatten(1),
        "expand.weight": layer["expand.weight"][hidden],
        "expand.bias": layer["expand.bias"][hidden],
        "contract.weight": layer["contract.weight"][:, hidden],
    }
    if "attention.bias" in layer:
        moved["attention.bias"] = layer["attention.bias"][heads]
    return moved
