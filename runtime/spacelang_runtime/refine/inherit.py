"""What the supernet of a moved space takes over from the supernet of the space before."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from spacelang_runtime.nn.supernet import Supernet
from spacelang_runtime.ops.position_embedding import centre


def inherit(model: Supernet, weights: Mapping[str, Tensor]) -> float:
    """Copy into a supernet what another one's weights have in common with it; returns the share of its elements.

    Every size of a supernet is a prefix, so two of them overlap in a prefix of each tensor, and in the centre of a
    table of relative positions, where an offset keeps its entry. What the other does not have (channels, heads and
    layers beyond its own) stays as it was drawn.
    """
    taken = whole = 0
    with torch.no_grad():
        for name, own in model.state_dict().items():
            whole += own.numel()
            other = weights.get(name)
            if other is None or other.dim() != own.dim():
                continue
            common = [min(a, b) for a, b in zip(own.shape, other.shape, strict=True)]
            here, there = own, other
            if own.dim() == 3 and name.endswith(".bias"):
                rows, columns = ((size + 1) // 2 for size in common[1:])
                here, there = centre(here, rows, columns), centre(there, rows, columns)
                common[1:] = here.shape[1:]
            for dim, size in enumerate(common):
                here, there = here.narrow(dim, 0, size), there.narrow(dim, 0, size)
            here.copy_(there)
            taken += here.numel()
    return taken / whole if whole else 0.0
