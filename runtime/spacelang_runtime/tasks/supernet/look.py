"""A look at the images of a training before it begins: what cannot be read is told, and not after the training."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from spacelang.amount import counted
from spacelang_runtime.data import Dataset
from spacelang_runtime.data.decode import Broken
from spacelang_runtime.data.pictures import Files
from spacelang_runtime.data.workers import worked
from spacelang_runtime.engine.distributed import World, all_gather
from spacelang_runtime.failure import Failure

MOST = 50_000  # images that are looked at, spread evenly over all
MANY = 5_000  # from so many on, that it looks is worth a word

Say = Callable[[str], None]


@frozen
class Look:
    """A look at an image by its number: why it cannot be read, or empty. whole: whether it is decoded; else its
    header is read."""

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
class Part:
    """Images of a split, and the number of each one's class."""

    name: str
    files: Files
    labels: NDArray[np.int64]


def looked(dataset: Dataset, world: World, say: Say, whole: bool = False) -> dict[str, str]:
    """The images that cannot be read, by path, with the reason; they are told to `say`, and left out of the data
    without another word. Each process takes its share. whole: see `Look`.

    Raises `Failure` where a class has no image that can be read, to learn from or to test on.
    """
    broken: dict[str, str] = {}
    for part in _parts(dataset):
        place = np.linspace(0, len(part.files) - 1, min(MOST, len(part.files))).round().astype(int)
        if len(place) >= MANY:
            say(f"looking at {len(place)} of {len(part.files)} {part.name} images")
        own = place[world.rank :: world.size].tolist()
        look = Look(part.files, whole)
        if whole:
            seen = list(worked(look, own, dataset.workers))
        else:
            with ThreadPoolExecutor(8) as pool:  # a network drive answers each question late, and several at once
                seen = list(pool.map(look, own))
        own_broken = {number: why for number, why in zip(own, seen, strict=True) if why}
        every = {number: why for one in all_gather(world, own_broken) for number, why in one.items()}
        _require_some(dataset, part, place, every)
        broken |= {part.files.name(number): every[number] for number in sorted(every)}
    if broken:
        name, why = next(iter(broken.items()))
        say(f"left out: broken images ({len(broken)}): {name}: {why}" + (", …" if len(broken) > 1 else ""))
    dataset.leave_out(broken)
    return broken


def _parts(dataset: Dataset) -> list[Part]:
    """The splits whose images are files."""
    splits = (("training", dataset.train), ("held-out", dataset.search.split), ("test", dataset.test.split))
    return [
        Part(name, split.pictures, split.labels)
        for name, split in splits
        if isinstance(split.pictures, Files) and len(split)
    ]


def _require_some(dataset: Dataset, part: Part, place: NDArray[np.int64], broken: dict[int, str]) -> None:
    """Refuse a class of which all images that were looked at are broken."""
    if not broken:
        return
    classes = len(dataset.classes)
    seen = np.bincount(part.labels[place], minlength=classes)
    gone = np.bincount(part.labels[sorted(broken)], minlength=classes)
    empty = [dataset.classes[at] for at in np.flatnonzero((seen > 0) & (seen == gone))]
    if empty:
        number = next(at for at in sorted(broken) if dataset.classes[part.labels[at]] == empty[0])
        more = f" (and of {counted(len(empty) - 1, 'more class')})" if len(empty) > 1 else ""
        first = f"{part.files.name(number)}: {broken[number]}"
        raise Failure(
            f"no {part.name} image of {empty[0]}{more} can be read: {first}",
            "restore the images, or take the class out of every split",
        )
