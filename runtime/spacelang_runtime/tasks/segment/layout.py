"""Images and their masks in a folder. Three layouts are known:

    images/training + annotations/training, images/validation + annotations/validation     ADE20K
    images/train + masks/train, images/test (or val) + masks/test                           any data
    train + trainannot, test (or val) + testannot                                           CamVid as SegNet has it

and `images/` + `masks/` without parts, of which every fifth pair, by name, is for testing. A mask has its image's
name but for the ending; it is a grey or palette picture whose numbers are classes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from PIL import Image

from spacelang_runtime.failure import Failure
from spacelang_runtime.tasks.files import fingerprint, picture, read_lines, require_folder
from spacelang_runtime.tasks.recipe import Segment

VOID = 255  # in labels: no class
ENDINGS = (".jpg", ".jpeg", ".png", ".webp")
SPLITS = (("training", "validation"), ("train", "test"), ("train", "val"), ("training", "test"))
FIFTH = 5


@frozen
class Pair:
    """An image and its mask."""

    image: Path
    mask: Path


@frozen
class Pairs:
    """The pairs of a folder, by name. layout: how they were found, in words."""

    train: tuple[Pair, ...]
    test: tuple[Pair, ...]
    layout: str

    @property
    def fingerprint(self) -> str:
        return fingerprint(
            f"{path.name} {path.stat().st_size}"
            for pair in (*self.train, *self.test)
            for path in (pair.image, pair.mask)
        )


def read(folder: Path) -> Pairs:
    """The pairs of a folder. Raises `Failure` where there are none, and where an image has no mask."""
    require_folder(folder, "images/ and masks/")
    for masks in ("annotations", "masks"):
        for train, test in SPLITS:
            parts = [(folder / "images" / split, folder / masks / split) for split in (train, test)]
            if all(place.is_dir() for part in parts for place in part):
                layout = f"images/{{{train},{test}}} and {masks}/{{{train},{test}}}"
                return Pairs(paired(*parts[0]), paired(*parts[1]), layout)
    for test in ("test", "val"):
        parts = [(folder / split, folder / f"{split}annot") for split in ("train", test)]
        if all(place.is_dir() for part in parts for place in part):
            return Pairs(paired(*parts[0]), paired(*parts[1]), f"train, {test} and trainannot, {test}annot")
    for masks in ("annotations", "masks"):
        if (folder / "images").is_dir() and (folder / masks).is_dir():
            return _divided(paired(folder / "images", folder / masks), folder, masks)
    there = ", ".join(sorted(path.name for path in folder.iterdir())[:8]) or "nothing"
    raise Failure(
        f"{folder} has no images with masks; there is: {there}",
        "make images/train, images/test, masks/train and masks/test in it",
    )


def _divided(every: tuple[Pair, ...], folder: Path, masks: str) -> Pairs:
    """All pairs of a folder, every fifth for testing."""
    if len(every) < FIFTH:
        raise Failure(
            f"{folder} has {len(every)} images", f"{FIFTH} are the least that can be trained and tested on"
        )
    train = tuple(pair for place, pair in enumerate(every, 1) if place % FIFTH)
    return Pairs(train, every[FIFTH - 1 :: FIFTH], f"images and {masks}: every fifth is for testing")


def paired(images: Path, masks: Path) -> tuple[Pair, ...]:
    """The images of a folder with the masks of another."""
    of = {path.stem: path for path in sorted(masks.iterdir()) if path.suffix.lower() == ".png"}
    found = [path for path in sorted(images.iterdir()) if path.suffix.lower() in ENDINGS]
    if not found:
        there = ", ".join(sorted(path.name for path in images.iterdir())[:8]) or "nothing"
        raise Failure(f"{images} has no images; there is: {there}", f"images end in {', '.join(ENDINGS)}")
    alone = [path for path in found if path.stem not in of]
    if alone:
        more = f" (and {len(alone) - 1} more)" if len(alone) > 1 else ""
        raise Failure(f"{alone[0]} has no mask{more}", f"its mask is {masks / alone[0].stem}.png")
    return tuple(Pair(path, of[path.stem]) for path in found)


def class_names(folder: Path, pairs: Pairs, recipe: Segment) -> tuple[str, ...]:
    """The names of the classes: the recipe's; else those in `classes.txt`, one a line, or ADE20K's
    `objectInfo150.txt`; else numbers, as many as the training masks have."""
    if isinstance(recipe.classes, tuple):
        return recipe.classes
    names: list[str] = []
    if (folder / "classes.txt").is_file():
        names = read_lines(folder / "classes.txt", "a class a line")
    elif (folder / "objectInfo150.txt").is_file():
        names = [line.split("\t")[-1] for line in read_lines(folder / "objectInfo150.txt", "ADE20K's classes")[1:]]
    count = recipe.classes or len(names) or found_in(pairs, recipe)
    if names and len(names) != count:
        raise Failure(f"{folder} names {len(names)} classes, and the recipe says {count}")
    return tuple(names) or tuple(f"class {number + recipe.first}" for number in range(count))


def found_in(pairs: Pairs, recipe: Segment) -> int:
    """How many classes the training masks speak of, from their largest number."""
    none = {VOID, *recipe.void}
    largest = max(
        (n for pair in pairs.train for n in np.unique(numbers(pair.mask)).tolist() if n not in none), default=-1
    )
    if largest < recipe.first:
        raise Failure(f"no training mask in {pairs.train[0].mask.parent} has a class in it")
    return largest - recipe.first + 1


def numbers(mask: Path) -> NDArray[np.int64]:
    """The numbers in a mask, [height, width]. Raises `Failure` for what is no mask."""
    try:
        with Image.open(mask, formats=("PNG",)) as file:
            if file.mode not in ("1", "L", "P", "I", "I;16"):
                raise Failure(
                    f"{mask} is a picture of mode {file.mode}",
                    "masks are grey or palette pictures of class numbers",
                )
            return np.asarray(file).astype(np.int64)
    except Failure:
        raise
    except Exception as error:  # damaged bytes make decoders raise nearly anything
        raise Failure(f"{mask}: {error or type(error).__name__}", "restore the mask") from None


def opened(pair: Pair, classes: int, recipe: Segment) -> tuple[Image.Image, NDArray[np.uint8]]:
    """An image and its labels: [height, width], from 0, VOID where there is no class."""
    image, found = picture(pair.image), numbers(pair.mask)
    if found.shape != (image.height, image.width):
        sides = f"{found.shape[1]}×{found.shape[0]}"
        raise Failure(f"{pair.mask} is {sides} pixels, and {pair.image.name} is {image.width}×{image.height}")
    none = np.isin(found, (VOID, *recipe.void))
    labels = found - recipe.first
    strange = ~none & ((labels < 0) | (labels >= classes))
    if strange.any():
        row, column = (int(places[0]) for places in np.nonzero(strange))
        others = sorted(set(found[strange].tolist()))
        more = [] if others[0] < recipe.first else [f"say --set classes={others[-1] - recipe.first + 1}"]
        void = ",".join(map(str, sorted({*recipe.void, *others})))
        raise Failure(
            f"{pair.mask} has the number {found[row, column]} at column {column}, row {row}: no class (they are "
            f"{recipe.first} to {recipe.first + classes - 1}) and not void",
            ", ".join(["correct the mask", *more]) + f", or, if it is not to count: --set void={void}",
        )
    return image, np.where(none, VOID, labels).astype(np.uint8)
