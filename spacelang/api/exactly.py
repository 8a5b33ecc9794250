"""What the exact arithmetic does not answer, said as the front door says things."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from spacelang.lower.too_large import TooLarge
from spacelang_runtime.failure import Failure


@contextmanager
def exactly() -> Iterator[None]:
    """Inside, or in a function that it decorates, tables that would not fit are raised as `Failure`, which says
    what to ask instead."""
    try:
        yield
    except TooLarge as reason:
        raise Failure(f"too many sums of costs to be exact: {reason}") from None
