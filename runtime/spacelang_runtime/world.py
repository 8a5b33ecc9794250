"""The processes that train together: one, or as many as `torchrun` started, on one host or several."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from attrs import frozen

from spacelang_runtime.failure import Failure


@frozen
class World:
    """This process among those of its run. rank: its number, from 0. size: how many there are."""

    rank: int
    size: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes files and talks to the user."""
        return self.rank == 0


@contextmanager
def join(device: str = "auto") -> Iterator[World]:
    """Meet the other processes (by torchrun's environment variables), and part from them in the end.

    device: "cpu", "cuda", "cuda:1", or "auto" for a GPU where there is one; under torchrun each process of a
    host takes the GPU of its local rank.
    """
    rank, size = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    chosen = choose(device, int(os.environ.get("LOCAL_RANK", "0")) if size > 1 else None)
    if size == 1:
        yield World(0, 1, chosen)
        return
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    try:
        dist.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
    except (RuntimeError, ValueError) as error:
        raise Failure(
            f"process {rank} of {size} cannot reach the others: {error}",
            "start all of them with torchrun, with one address and port that every host can reach",
        ) from None
    try:
        yield World(rank, size, chosen)
    finally:
        dist.destroy_process_group()


def choose(device: str, local_rank: int | None = None) -> torch.device:
    """The device that a name means here. Raises `Failure` where this machine has none of that name."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda":
        device = f"cuda:{local_rank or 0}"
    try:
        chosen = torch.device(device)
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise Failure(f"the device {device!r} cannot be used here: {reason}", "try --device cpu") from None
    return chosen


def precision(device: torch.device) -> torch.autocast:
    """The arithmetic of forward passes on a device: bf16 where a GPU has it, else float32."""
    fast = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.autocast(device.type, torch.bfloat16, enabled=fast)


def agree(world: World, value: Any) -> Any:
    """The value that the leading process has, in every process."""
    if world.size == 1:
        return value
    box = [value]
    dist.broadcast_object_list(box, src=0)
    return box[0]


def meet(world: World) -> None:
    """Wait until every process is here."""
    if world.size > 1:
        dist.barrier()
