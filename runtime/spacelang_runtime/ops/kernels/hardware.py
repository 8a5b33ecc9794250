"""Where a kernel may run, and the sizes that it is compiled for."""

from __future__ import annotations

import os
from functools import cache
from importlib.util import find_spec

import torch
from torch import Tensor

PRESENT = find_spec("triton") is not None
INTERPRETED = PRESENT and os.environ.get("TRITON_INTERPRET") == "1"


def launches(x: Tensor) -> bool:
    """Whether kernels run on the device of a tensor; elsewhere their plain references do."""
    return PRESENT and (x.is_cuda or INTERPRETED)


@cache
def processors(device: torch.device) -> int:
    """Multiprocessors of a GPU: how many programs make one wave."""
    return torch.cuda.get_device_properties(device).multi_processor_count if device.type == "cuda" else 2


def padded(width: int) -> int:
    """The power of two, from 16, that holds a width."""
    return max(16, 1 << (width - 1).bit_length())


def unit(width: int) -> int:
    """The largest power of two up to 16 that divides a width: what a compiler may know of it.

    A width that is given as so many units lets loads be as wide as that, without a kernel for every width.
    """
    return min(16, width & -width)
