"""Seeds, and the random generators of this process lent to code that draws from the global ones."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b

import numpy as np
import torch


def seed_of(purpose: str, *numbers: int) -> int:
    """A 64-bit seed for one purpose and its numbers; different arguments give unrelated seeds."""
    text = f"{purpose} {' '.join(map(str, numbers))}"
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


def seed_generators(seed: int) -> None:
    """Seed python's, numpy's and torch's global CPU generators, from which the libraries' augmentations draw.

    Not `torch.manual_seed`, which would also reseed the GPU's generators.
    """
    random.seed(seed)
    np.random.seed(seed & 0xFFFFFFFF)
    torch.default_generator.manual_seed(seed)


def seed_device(seed: int, device: torch.device) -> None:
    """Seed torch's generator of the CPU and of the device that is computed on, as `torch.manual_seed` does.

    `torch.manual_seed` would also write down, with a traceback, what every kind of device that is not there is to
    do once it is: a twentieth of the time of a small network's step on a CPU.
    """
    if device.type in ("cpu", "cuda"):
        torch.default_generator.manual_seed(seed)
        if device.type == "cuda":
            torch.cuda.manual_seed(seed)
    else:
        torch.manual_seed(seed)


@contextmanager
def borrowed_generators() -> Iterator[None]:
    """Give the global CPU generators back as they were, whatever is seeded and drawn inside."""
    python, array, tensor = random.getstate(), np.random.get_state(), torch.default_generator.get_state()
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(array)
        torch.default_generator.set_state(tensor)
