"""The processes that train together: one, or as many as `torchrun` started, on one host or several."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from attrs import frozen

from spacelang_runtime.failure import Failure

_MEETINGS = count()


@frozen
class World:
    """This process among those of its run. rank: its number, from 0. size: how many there are."""

    rank: int
    size: int
    device: torch.device

    @property
    def is_main(self) -> bool:
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
        # torchrun's store outlives the processes that it starts again, and with it the addresses of the dead: each
        # start has to write under a name of its own; and each meeting of one start, of which all have as many.
        store, _, _ = next(dist.rendezvous("env://"))
        again = f"{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')} {next(_MEETINGS)}"
        store = dist.PrefixStore(f"start {again}", store)
        backend = "nccl" if chosen.type == "cuda" else "gloo"
        dist.init_process_group(backend, store=store, rank=rank, world_size=size)
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
    here = devices()
    try:
        chosen = torch.device(device)
        torch.empty(0, device=chosen)
        usable = any(chosen.type == name.partition(":")[0] for name in here)
    except (RuntimeError, AssertionError):
        usable = False
    if not usable:
        gpus = "" if len(here) > 1 else ", and torch sees no GPU"
        raise Failure(
            f"the device {device!r} cannot be used here",
            f"--device is auto, cpu, cuda or cuda:N; this machine has {', '.join(here)}{gpus}",
        )
    return chosen


def devices() -> list[str]:
    """The devices of this machine by name: `cpu`, and its accelerators as `cuda:0`, `cuda:1`, …"""
    if not torch.accelerator.is_available():
        return ["cpu"]
    kind = torch.accelerator.current_accelerator()
    return ["cpu", *(f"{kind}:{number}" for number in range(torch.accelerator.device_count()))]


def precision(device: torch.device, dtype: torch.dtype | None = None) -> torch.autocast:
    """The arithmetic of forward passes on a device: of the type given, else bf16 where a GPU has it, else
    float32."""
    if dtype is None:
        dtype = torch.bfloat16 if _has_bf16(device) else torch.float32
    half = dtype != torch.float32
    return torch.autocast(device.type, dtype if half else torch.bfloat16, enabled=half)


def training_dtype(device: torch.device) -> torch.dtype:
    """The type of the products of a training on a device: bf16 where a GPU has it; fp16, which needs loss scaling
    (`loss_scale`), where a GPU is fast in that alone (T4, V100: compute capability 7); else float32."""
    if _has_bf16(device):
        return torch.bfloat16
    if device.type == "cuda" and torch.version.hip is None and torch.cuda.get_device_capability(device)[0] >= 7:
        return torch.float16
    return torch.float32


def _has_bf16(device: torch.device) -> bool:
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


@contextmanager
def together() -> Iterator[None]:
    """What all processes do at once. Raises `Failure` where one of them has died."""
    try:
        yield
    except RuntimeError as error:
        if not dist.is_initialized() or isinstance(error, torch.OutOfMemoryError):
            raise
        raise Failure(
            f"another process of this training has ended: {str(error).splitlines()[0]}",
            "its own message tells why; torchrun --max-restarts N goes on from the last checkpoint by itself",
        ) from None


def broadcast(world: World, value: Any) -> Any:
    """The value that the leading process has, in every process."""
    if world.size == 1:
        return value
    box = [value]
    with together():
        dist.broadcast_object_list(box, src=0)
    return box[0]


def all_gather(world: World, value: Any) -> list[Any]:
    """The values that all processes have, in every process."""
    if world.size == 1:
        return [value]
    values = [None] * world.size
    with together():
        dist.all_gather_object(values, value)
    return values


def barrier(world: World) -> None:
    """Wait until every process is here."""
    if world.size > 1:
        with together():
            dist.barrier()


def require_shares(batch: int, world: World) -> None:
    """Refuse a batch of which the processes would have unequal shares, and count unequally in the mean."""
    if batch % world.size:
        near = max(1, round(batch / world.size)) * world.size
        raise Failure(
            f"a batch of {batch} images cannot be shared out evenly among {world.size} processes",
            f"take one that can, such as batch = {near}",
        )


@frozen
class Launch:
    """The torchrun job that this process is of. name: the same for all of its processes and over its restarts.
    restarts: how often its processes have been started again because one had died."""

    name: str
    restarts: int


def launch() -> Launch | None:
    """The torchrun job that this process is of; None where it is of none that can be told from others."""
    restarts, name = os.environ.get("TORCHELASTIC_RESTART_COUNT"), os.environ.get("TORCHELASTIC_RUN_ID", "none")
    if name == "none":
        # What torchrun calls a job that was given no name. FOLDER/attempt_N/RANK/error.json: its folder is its own.
        above = Path(os.environ.get("TORCHELASTIC_ERROR_FILE", "")).parents
        name = str(above[2]) if len(above) > 3 else ""
    return Launch(name, int(restarts)) if restarts and name else None
