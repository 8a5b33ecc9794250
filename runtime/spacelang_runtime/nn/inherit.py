"""Into a supernet, the weights of one of its networks: the way back from `extract`."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from spacelang.architecture import Architecture
from spacelang_runtime.nn.supernet import Supernet


def inherit(supernet: Supernet, architecture: Architecture, weights: Mapping[str, Tensor]) -> None:
    """Give a supernet the weights of one of its networks, by their names in `Network`; a name that is left out
    keeps what is there.

    The gradient of Σ slice · weight with respect to the supernet's tensors is the weights in their places.
    """
    slices = {name: tensor for name, tensor in supernet.slices(architecture).items() if name in weights}
    places = list(supernet.parameters())
    product = sum((tensor * weights[name].to(tensor)).sum() for name, tensor in slices.items())
    inside = sum(tensor.sum() for tensor in slices.values())
    values = torch.autograd.grad(product, places, allow_unused=True)
    taken = torch.autograd.grad(inside, places, allow_unused=True)
    with torch.no_grad():
        for place, value, mask in zip(places, values, taken, strict=True):
            if value is not None:
                place.copy_(torch.where(mask.bool(), value, place))
