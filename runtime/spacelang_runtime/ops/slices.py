"""Parts of a tensor that begin where it begins."""

from __future__ import annotations

from torch import Tensor


def prefix(tensor: Tensor, *sizes: int) -> Tensor:
    """tensor[: sizes[0], : sizes[1], …], and the tensor itself where that is all of it."""
    for dim, size in enumerate(sizes):
        if tensor.shape[dim] != size:
            tensor = tensor.narrow(dim, 0, size)
    return tensor
