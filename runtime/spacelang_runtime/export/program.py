"""A network as a program of torch.export: a graph that runs without its Python code, with any batch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import torch
from torch import Tensor
from torch.export import Dim, ExportedProgram

from spacelang_runtime.atomic import replace
from spacelang_runtime.failure import Failure
from spacelang_runtime.nn.network import Network


def exported(network: Network, image: int | None = None) -> ExportedProgram:
    """The program of a network in evaluation mode: images [batch, channels, image, image] → logits.

    image: None for the architecture's side. Raises `Failure` for one that is not whole patches.
    """
    patch = network.stem.patch
    if image is not None and (image < patch or image % patch):
        near = max(1, round(image / patch)) * patch
        raise Failure(f"images of {image} pixels are not whole patches of {patch}", f"take {near}")
    batch = {0: Dim("batch", min=1)}
    return torch.export.export(network.eval(), (example(network, image, 2),), dynamic_shapes=(batch,))


def example(network: Network, image: int | None, batch: int) -> Tensor:
    """Images of noise that a network can read, always the same."""
    frame, weight = network.architecture.frame, network.stem.patches.weight
    side = image or frame.image
    chance = torch.Generator().manual_seed(batch)
    return torch.randn(batch, frame.channels, side, side, generator=chance).to(weight)


def write(
    network: Network, path: Path, image: int | None = None, told: Mapping[str, str] = MappingProxyType({})
) -> int:
    """Write the program for `torch.export.load`; gives the bytes. told: extra files in it, by name (see
    `export.metadata`). Raises `Failure` where that cannot be done."""
    program = exported(network, image)
    replace(path, lambda file: torch.export.save(program, file, extra_files=dict(told)))
    return path.stat().st_size
