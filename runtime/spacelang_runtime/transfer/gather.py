"""What each process found, in every process."""

from __future__ import annotations

from typing import TypeVar

import torch.distributed as dist

from spacelang_runtime.world import World

Part = TypeVar("Part")


def gathered(world: World, own: list[Part]) -> list[Part]:
    """The parts of all processes, one after the other."""
    if world.size == 1:
        return own
    every: list[list[Part]] = [[] for _ in range(world.size)]
    dist.all_gather_object(every, own)
    return [part for parts in every for part in parts]
