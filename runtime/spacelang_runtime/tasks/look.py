"""A look at all that a task will read, before it begins: what is broken is left out, and what is wrong is said."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import field, frozen

from spacelang.amount import counted
from spacelang_runtime.data.workers import worked
from spacelang_runtime.engine.distributed import World, all_gather
from spacelang_runtime.failure import Failure
from spacelang_runtime.tasks.files import Unreadable
from spacelang_runtime.tasks.task import Show, TaskData


@frozen
class Seen:
    """What a look at an image tells. facts: what the task counts. broken: why it cannot be read. wrong: what a
    person has to mend, and how."""

    facts: Any = None
    broken: str = ""
    wrong: tuple[str, str] | None = None


@frozen
class ImageCheck:
    """The check of an image of a task, with what goes with it, by its number."""

    data: TaskData

    def __call__(self, number: int) -> Seen:
        try:
            return Seen(self.data.look(number))
        except Unreadable as failure:
            return Seen(broken=failure.message)
        except Failure as failure:
            return Seen(wrong=(failure.message, failure.remedy))


@frozen(eq=False)
class CheckedData:
    """Data that has been looked at. data: without what is broken; broken: that, by its path in the folder, with the
    reason. files, fingerprint: of the data as it lies, what is broken included."""

    data: TaskData
    files: dict[str, str]
    fingerprint: str
    broken: dict[str, str] = field(factory=dict)

    def summary(self) -> list[str]:
        """What there is, and what is left out, in lines."""
        return [*self.data.summary(), *self.left_out()]

    def left_out(self) -> list[str]:
        """What is broken, in a line; none where nothing is."""
        if not self.broken:
            return []
        first = next(iter(self.broken.values()))
        return [f"left out: broken images ({len(self.broken)}): {first}" + (", …" if len(self.broken) > 1 else "")]


def looked(data: TaskData, folder: Path, world: World, workers: int, show: Show) -> CheckedData:
    """Look at every image of the data in a folder, and at what goes with it; each process takes its share. Raises
    `Failure` with the first that is wrong, and how many others are."""
    own = range(world.rank, len(data.images()), world.size)
    seen: list[Seen] = []
    for done, one in enumerate(worked(ImageCheck(data), own, workers), 1):
        seen.append(one)
        show(done / len(own), f"image {done} of {len(own)}")
    every: dict[int, Seen] = {}
    for rank, part in enumerate(all_gather(world, seen)):
        every |= dict(zip(range(rank, len(data.images()), world.size), part, strict=True))
    wrong = [every[number].wrong for number in sorted(every)]
    if reasons := [one for one in wrong if one is not None]:
        more = f" (and {counted(len(reasons) - 1, 'more file')})" if len(reasons) > 1 else ""
        raise Failure(reasons[0][0] + more, reasons[0][1])
    broken = {number: one.broken for number, one in sorted(every.items()) if one.broken}
    facts = {number: one.facts for number, one in sorted(every.items()) if not one.broken}
    names = {within(folder, data.images()[number]): reason for number, reason in broken.items()}
    return CheckedData(data.without(frozenset(broken), facts), listing(data, folder), data.fingerprint, names)


def again(data: TaskData, folder: Path, broken: Mapping[str, str]) -> CheckedData | None:
    """Data that was looked at before, without what was broken then; None where some of that can be read now."""
    number_of = {within(folder, path): number for number, path in enumerate(data.images())}
    left = frozenset(number_of[name] for name in broken if name in number_of)
    if any(not ImageCheck(data)(number).broken for number in left):
        return None
    kept = data.without(left, {}) if left else data
    return CheckedData(kept, listing(data, folder), data.fingerprint, dict(broken))


def listing(data: TaskData, folder: Path) -> dict[str, str]:
    """What tells each image from others, by its path in the folder."""
    return {within(folder, path): mark for path, mark in zip(data.images(), data.marks(), strict=True)}


def within(folder: Path, path: Path) -> str:
    """A path as it is in a folder, wherever that lies."""
    return os.path.relpath(path, folder)
