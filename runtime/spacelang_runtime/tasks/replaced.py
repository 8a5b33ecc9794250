"""Images that cannot be read any more while a training reads them: others take their places, and they are named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from spacelang_runtime.failure import Failure
from spacelang_runtime.tasks.files import Unreadable

T = TypeVar("T")
PATIENCE = 50  # broken images in a row before it is the disk that must be broken


class Taken(NamedTuple):
    """What a rank learns from in a step. parts: batches of a task, accumulated. broken: why images could not be
    read, the path first; others are in their places."""

    parts: list[Any]
    broken: list[str]


def replaced(view: Callable[[int], T], item: int, items: int, broken: list[str]) -> T:
    """What `view` makes of an item, or of the next of so many that can be read. broken: is told of those that
    cannot. Raises `Failure` where too many in a row cannot."""
    for candidate in range(item, item + min(items, PATIENCE)):
        try:
            return view(candidate % items)
        except Unreadable as failure:
            broken.append(failure.message)
    raise Failure(
        f"{broken[-1]}; no image of {min(items, PATIENCE)} in a row can be read",
        "check that the disk is still there and that these files are images",
    )
