"""Memory that does not suffice, as something that a user can mend."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from spacelang_runtime.data.workers import death
from spacelang_runtime.failure import Failure


def is_exhausted(error: BaseException) -> bool:
    """Whether an error says that memory does not suffice: the GPU's, or main memory."""
    # torch has an exception of its own for GPUs only.
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "DefaultCPUAllocator" in str(error)


@contextmanager
def enough_memory(batch: int) -> Iterator[None]:
    """Raises `Failure` where what happens inside, with batches of so many images, finds no more memory."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and (failure := death(error)):
            raise failure from None
        if not is_exhausted(error):
            raise
        if isinstance(error, torch.OutOfMemoryError):
            raise Failure(
                f"the GPU's memory does not hold the training and its batches of {batch} images",
                f"take a smaller batch, such as batch = {max(1, batch // 2)}, or more GPUs",
            ) from None
        raise Failure(
            f"main memory does not hold a step of {batch} images",
            f"take a smaller batch, such as batch = {max(1, batch // 2)}, or fewer worker processes",
        ) from None
