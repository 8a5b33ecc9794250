"""A look at the images of a training before it begins: what cannot be read is told, and not after the training."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from spacelang_runtime.data import Dataset
from spacelang_runtime.data.decode import Broken
from spacelang_runtime.data.pictures import Files
from spacelang_runtime.data.workers import worked
from spacelang_runtime.engine.distributed import World, all_gather
from spacelang_runtime.failure import Failure

MOST, MOST_WHOLE = 10_000, 50_000  # images whose headers are read, and that are decoded, spread evenly over all
MANY = 5_000  # from so many on, that it looks is worth a word

Say = Callable[[str], None]
Reasons = dict[int, str]  # why images cannot be read, by their numbers


@frozen
class FileCheck:
    """The check of the file of an image, by its number: why it cannot be read, or empty. whole: whether it is
    decoded; else its header is read."""

    files: Files
    whole: bool

    def __call__(self, number: int) -> str:
        try:
            if self.whole:
                self.files.whole().read(number)
            else:
                self.files.header(number)
        except Broken as broken:
            return broken.reason
        return ""


@frozen
class CheckedSplit:
    """Images of a split, and the number of each one's class."""

    name: str
    files: Files
    labels: NDArray[np.int64]


def looked(dataset: Dataset, world: World, say: Say, whole: bool = False) -> dict[str, str]:
    """The images that cannot be read, by path, with the reason; they are told to `say`, and left out of the data
    without another word. Each process takes its share. whole: see `FileCheck`.

    Raises `Failure` where a class has no image that can be read, to learn from or to test on.
    """
    broken: dict[str, str] = {}
    for part in _parts(dataset):
        most = min(MOST_WHOLE if whole else MOST, len(part.files))
        numbers = np.linspace(0, len(part.files) - 1, most).round().astype(np.int64)
        if most >= MANY:
            say(f"looking at {most} of {len(part.files)} {part.name} images")
        look = partial(_looked, FileCheck(part.files, whole), dataset.workers, world)
        every = look(numbers)
        if every:
            every |= _require_some(dataset, part, numbers, every, look)
        broken |= {part.files.name(number): every[number] for number in sorted(every)}
    if broken:
        name, why = next(iter(broken.items()))
        say(f"left out: broken images ({len(broken)}): {name}: {why}" + (", …" if len(broken) > 1 else ""))
    dataset.leave_out(broken)
    return broken


def _looked(check: FileCheck, workers: int, world: World, numbers: NDArray[np.int64]) -> Reasons:
    """Which of the images cannot be read, and why, by their numbers. All processes take part."""
    own = numbers[world.rank :: world.size].tolist()
    if check.whole:
        seen = list(worked(check, own, workers))
    else:
        with ThreadPoolExecutor(8) as pool:  # a network drive answers each question late, and several at once
            seen = list(pool.map(check, own))
    of_own = {number: why for number, why in zip(own, seen, strict=True) if why}
    return {number: why for one in all_gather(world, of_own) for number, why in one.items()}


def _parts(dataset: Dataset) -> list[CheckedSplit]:
    """The splits whose images are files."""
    splits = (("training", dataset.train), ("held-out", dataset.search.split), ("test", dataset.test.split))
    return [
        CheckedSplit(name, split.pictures, split.labels)
        for name, split in splits
        if isinstance(split.pictures, Files) and len(split)
    ]


def _require_some(
    dataset: Dataset,
    part: CheckedSplit,
    numbers: NDArray[np.int64],
    broken: Reasons,
    look: Callable[[NDArray[np.int64]], Reasons],
) -> Reasons:
    """Refuse a class of which no image can be read. Where all that were looked at are broken, the others are looked
    at too; gives which of these are broken."""
    classes, more = len(dataset.classes), Reasons()
    seen = np.bincount(part.labels[numbers], minlength=classes)
    gone = np.bincount(part.labels[sorted(broken)], minlength=classes)
    for label in np.flatnonzero((seen > 0) & (seen == gone)).tolist():
        others = np.setdiff1d(np.flatnonzero(part.labels == label), numbers)
        of_others = look(others)
        more |= of_others
        if len(of_others) == len(others):
            number = next(at for at in sorted(broken) if part.labels[at] == label)
            raise Failure(
                f"no {part.name} image of {dataset.classes[label]} can be read: "
                f"{part.files.name(number)}: {broken[number]}",
                "restore the images, or take the class out of every split",
            )
    return more
