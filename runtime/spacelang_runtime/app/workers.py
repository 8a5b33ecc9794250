"""The processes that read images."""

from __future__ import annotations


def readers(workers: int | None, spare: int = 1) -> int:
    """How many processes read images. spare: cores that are left to what is done with them."""
    from spacelang_runtime.data.workers import cores

    return workers if workers is not None else min(16, cores() - spare)
