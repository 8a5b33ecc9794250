"""From a network to its portable form, and to the program of it that converters read."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch.export import Dim, ExportedProgram

from spacelang_runtime.export.portable.network import Portable
from spacelang_runtime.export.program import example
from spacelang_runtime.failure import Failure
from spacelang_runtime.nn.network import Network


def portable(network: Network, image: int | None = None) -> Portable:
    """The portable form of a network, with copies of its weights, in evaluation mode.

    image: the side of its images; None: the architecture's. Raises `Failure` for one that is not whole patches.
    """
    side = image or network.architecture.frame.image
    patch = network.stem.patch
    if side < patch or side % patch:
        near = max(1, round(side / patch)) * patch
        raise Failure(f"images of {side} pixels are not whole patches of {patch}", f"take {near}")
    return Portable(deepcopy(network).float().cpu(), side).eval()


def traced(network: Network, image: int | None, batch: int | None) -> ExportedProgram:
    """The program of a network's portable form. batch: images at a time; None: any number of them."""
    model = portable(network, image)
    shapes = None if batch else ({0: Dim("batch", min=1)},)
    images = example(network, image, batch or 2).float()
    with torch.no_grad():
        return torch.export.export(model, (images,), dynamic_shapes=shapes)
