"""Kernels compiled before a training begins, so that no step waits for a compiler."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from spacelang.architecture import Architecture
from spacelang_runtime.engine.distributed import precision
from spacelang_runtime.fused import backend
from spacelang_runtime.fused.learn import eager
from spacelang_runtime.nn.supernet import Supernet
from spacelang_runtime.tasks.supernet.sandwich import Subnets

DRAWS = 256


def precompile(model: Supernet, subnets: Subnets, device: torch.device, drop_path: float) -> None:
    """Run networks of a space, two small batches each, until every kind of layer that it has has been run.

    Adds to the gradients of the model, which are to be cleared after it. What was compiled once is found again on
    the disk, by the next run too.
    """
    frame = model.frame
    images = torch.zeros(2, frame.channels, frame.image, frame.image, device=device)
    labels = torch.zeros(2, dtype=torch.int64, device=device)
    with precision(device):
        if not backend.serves(model, images):
            return
        for architecture in _covering(subnets):
            for keep in (None, backend.drop_path_factors(images, architecture.depth, drop_path or 0.1)):
                eager(model, architecture, images, labels, keep, 0.0)


def _covering(subnets: Subnets) -> Iterator[Architecture]:
    """Networks that between them have every kind of layer: of a stage, a width, a head, a window, shifted or
    not."""
    seen: set[tuple[object, ...]] = set()
    for architecture in (subnets.largest, subnets.smallest, *subnets.draw(0, 0, DRAWS)):
        kinds = {
            (number, stage.embed, stage.hidden(layer) % 16, layer.head_width, layer.window, index % 2)
            for number, stage in enumerate(architecture.stages)
            for index, layer in enumerate(stage.layers)
        }
        if not kinds <= seen:
            seen |= kinds
            yield architecture
