"""Computations that take turns: while one waits for the device, the next ones are enqueued on it."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def overlapped(several: Iterable[Generator[None, None, T]], ahead: int) -> Iterator[T]:
    """What each computation gives, as they end.

    A computation stops wherever it is about to wait for what it has enqueued. Before it goes on there, `ahead`
    others have been begun, or have been gone on with, up to where they are about to wait: the device has these to
    compute meanwhile. Which one goes on next follows from what they do, and from no clock.
    """
    coming, going = iter(several), deque[Generator[None, None, T]]()
    while True:
        one = next(coming, None) if len(going) <= ahead else None
        if one is None:
            if not going:
                return
            one = going.popleft()
        try:
            next(one)
        except StopIteration as end:
            yield end.value
        else:
            going.append(one)
