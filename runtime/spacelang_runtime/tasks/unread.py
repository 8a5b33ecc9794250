"""Test images that cannot be read any more while a model is measured: its figures are without them, and they are
named."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from spacelang_runtime.data.workers import worked
from spacelang_runtime.engine.distributed import World, all_gather
from spacelang_runtime.failure import Failure
from spacelang_runtime.tasks.files import Unreadable
from spacelang_runtime.tasks.replaced import PATIENCE, Taken

Item = TypeVar("Item")
Skip = Callable[[str, str], None]


def tried(view: Callable[[Item], Any], item: Item) -> Taken:
    """What `view` makes of an item, or why it cannot be read."""
    try:
        return Taken([view(item)], [])
    except Unreadable as failure:
        return Taken([], [failure.message])


def read(
    tests: Callable[[int], Taken], numbers: Sequence[int], workers: int, broken: list[str]
) -> Iterator[Sequence[Any]]:
    """What `tests` makes of each number, in order: nothing, where that cannot be read. broken: is told why. Raises
    `Failure` where too many in a row cannot: then it is the disk that must be broken."""
    row = 0
    for taken in worked(tests, numbers, workers):
        broken += taken.broken
        row = 0 if taken.parts else row + 1
        if row == PATIENCE:
            raise Failure(
                f"{broken[-1]}; nothing of {row} test images in a row can be read",
                "check that the disk is still there and that these files are images",
            )
        yield taken.parts


def told(broken: Sequence[str], images: int, world: World, skip: Skip) -> None:
    """Name what no process could read, of so many test images. Raises `Failure` where that is all of them."""
    every = [reason for part in all_gather(world, list(broken)) for reason in part]
    for reason in every:
        skip(*reason.split(": ", 1))
    if len(every) >= images:
        raise Failure(f"no test image can be read: {every[0]}", "restore them, and measure again")
