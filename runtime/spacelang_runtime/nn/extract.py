"""Out of a supernet, one network."""

from __future__ import annotations

import torch

from spacelang.architecture import Architecture
from spacelang_runtime.nn.network import Network
from spacelang_runtime.nn.supernet import Supernet


def extract(supernet: Supernet, architecture: Architecture) -> Network:
    """The plain network of an architecture, with its own copy of the supernet's weights, in their type and on
    their device. Raises ValueError where the supernet does not hold the architecture."""
    with torch.device("meta"):
        network = Network(architecture)
    with torch.no_grad():
        weights = {name: slice_.clone() for name, slice_ in supernet.slices(architecture).items()}
    network.load_state_dict(weights, assign=True)
    return network.train(supernet.training)
