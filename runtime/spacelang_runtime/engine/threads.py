"""How many threads torch computes with on the CPU: one, where a network's products are too small to be shared out.

Torch shares out each product among all cores. Sharing takes some microseconds a product, whatever its size, so that
a small network is faster on one core (docs/training.md, "Without a GPU"). The number follows from the space and the
recipe, and from nothing that is timed: on one machine, the same command gives the same bits, also where it was cut
and resumed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

ENOUGH = 32_000_000  # MACs of a pass, from which on it is shared out: measured on two cores
NAMES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")  # by which a user says how many


@contextmanager
def suited(work: int, device: torch.device) -> Iterator[None]:
    """Inside, torch computes with as many threads as suit passes of `work` MACs: one where these are fewer than
    `ENOUGH`, else its own number; afterwards with as many as before.

    A number that a user has set stays. So does any on a device other than the CPU.
    """
    before = torch.get_num_threads()
    if device.type != "cpu" or work >= ENOUGH or _said(before):
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _said(threads: int) -> bool:
    """Whether somebody has said how many: in the environment; or to torch, which then has another than its own."""
    return any(name in os.environ for name in NAMES) or threads != own()


def own() -> int:
    """The threads that torch takes where nobody has said how many: one for each core that the process may use. With
    MKL, of two that share a core's units one counts."""
    numbers = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    if not torch.backends.mkl.is_available():
        return len(numbers)
    return len({_core(number) for number in numbers})


def _core(number: int) -> str:
    """The core of a logical processor, by those that share it; the processor itself, where that is not known."""
    try:
        return Path(f"/sys/devices/system/cpu/cpu{number}/topology/thread_siblings_list").read_text().strip()
    except OSError:
        return str(number)
