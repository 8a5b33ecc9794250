"""Images and their masks in a folder. Three layouts are known:

    images/training + annotations/training, images/validation + annotations/validation     ADE20K
    images/train + masks/train, images/test (or val) + masks/test                           any data
    train + trainannot, test (or val) + testannot                                           CamVid as SegNet has it

and `images/` + `masks/` without parts, of which every fifth pair, by name, is for testing. A mask has its image's
name but for the ending; it is a grey or palette picture whose numbers are classes, in PNG, BMP, TIFF or GIF.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from PIL import Image

from spacelang_runtime.data.decode import NAMED, SUFFIXES
from spacelang_runtime.data.left_out import left_out
from spacelang_runtime.data.tree import Disk
from spacelang_runtime.failure import Failure
from spacelang_runtime.tasks.files import Unreadable, fingerprint, picture, read_lines, require_folder
from spacelang_runtime.tasks.recipe import Segment
from spacelang_runtime.tasks.segment.borders import Areas, areas_of

VOID = 255  # in labels: no class
MASKS = (".png", ".bmp", ".tif", ".tiff", ".gif")  # of which no number changes when it is written
SPLITS = (("training", "validation"), ("train", "test"), ("train", "val"), ("training", "test"))
FIFTH = 5
FEW = 8  # numbers on borders alone, from so many on


@frozen
class ImageMaskPair:
    """An image and its mask."""

    image: Path
    mask: Path


@frozen
class ImageMaskPairs:
    """The pairs of a folder, by name. layout: how they were found, left_out: what was not, in words."""

    train: tuple[ImageMaskPair, ...]
    test: tuple[ImageMaskPair, ...]
    layout: str
    left_out: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        return fingerprint(
            f"{path.name} {path.stat().st_size}"
            for pair in (*self.train, *self.test)
            for path in (pair.image, pair.mask)
        )


def read(folder: Path) -> ImageMaskPairs:
    """The pairs of a folder. Raises `Failure` where there are none, and where an image has no mask."""
    require_folder(folder, "images/ and masks/")
    for masks in ("annotations", "masks"):
        for train, test in SPLITS:
            parts = [(folder / "images" / split, folder / masks / split) for split in (train, test)]
            if all(place.is_dir() for part in parts for place in part):
                layout = f"images/{{{train},{test}}} and {masks}/{{{train},{test}}}"
                return _pairs(parts, layout)
    for test in ("test", "val"):
        parts = [(folder / split, folder / f"{split}annot") for split in ("train", test)]
        if all(place.is_dir() for part in parts for place in part):
            return _pairs(parts, f"train, {test} and trainannot, {test}annot")
    for masks in ("annotations", "masks"):
        if (folder / "images").is_dir() and (folder / masks).is_dir():
            return _divided(*paired(folder / "images", folder / masks), folder, masks)
    there = ", ".join(sorted(path.name for path in folder.iterdir())[:8]) or "nothing"
    raise Failure(
        f"{folder} has no images with masks; there is: {there}",
        "make images/train, images/test, masks/train and masks/test in it",
    )


def _pairs(parts: list[tuple[Path, Path]], layout: str) -> ImageMaskPairs:
    """The pairs of the training and of the test folders."""
    (train, of_train), (test, of_test) = (paired(*part) for part in parts)
    return ImageMaskPairs(train, test, layout, (*of_train, *of_test))


def _divided(every: tuple[ImageMaskPair, ...], left: list[str], folder: Path, masks: str) -> ImageMaskPairs:
    """All pairs of a folder, every fifth for testing."""
    if len(every) < FIFTH:
        raise Failure(
            f"{folder} has {len(every)} images", f"{FIFTH} are the least that can be trained and tested on"
        )
    train = tuple(pair for place, pair in enumerate(every, 1) if place % FIFTH)
    return ImageMaskPairs(
        train, every[FIFTH - 1 :: FIFTH], f"images and {masks}: every fifth is for testing", tuple(left)
    )


def paired(images: Path, masks: Path) -> tuple[tuple[ImageMaskPair, ...], list[str]]:
    """The images of a folder with the masks of another; and what is left out of them, in words."""
    drawn = [path for path in sorted(masks.iterdir()) if path.suffix.lower() in MASKS and path.name[0] != "."]
    of = {path.stem: path for path in drawn}
    tree = Disk(images)
    entries = tree.scan(images)
    paths = sorted(images / e.name for e in entries if e.name.lower().endswith(SUFFIXES) and not e.folder)
    if not paths:
        there = ", ".join(sorted(entry.name for entry in entries)[:8]) or "nothing"
        raise Failure(f"{images} has no images; there is: {there}", f"images are {NAMED} files")
    alone = [path for path in paths if path.stem not in of]
    if alone:
        more = f" (and {len(alone) - 1} more)" if len(alone) > 1 else ""
        lossy = next(masks.glob(f"{alone[0].stem}.jp*g"), None)
        why = f": JPEG has changed the numbers of {lossy.name}" if lossy else ""
        other = next((path for path in drawn if path.stem not in {image.stem for image in paths}), None)
        near = f"; {other.name} is the mask of no image: a mask has its image's name" if other else ""
        raise Failure(f"{alone[0]} has no mask{more}{why}", f"its mask is {masks / alone[0].stem}.png{near}")
    left = left_out(tree, images, entries).lines(images.parent)
    named = {path.stem for path in paths}
    if bare := [path for path in drawn if path.stem not in named]:
        left.append(f"left out: {len(bare)} masks without an image (first: {bare[0].relative_to(masks.parent)})")
    return tuple(ImageMaskPair(path, of[path.stem]) for path in paths), left


def class_names(folder: Path, pairs: ImageMaskPairs, recipe: Segment) -> tuple[str, ...]:
    """The names of the classes: the recipe's; else those in `classes.txt`, one a line, or ADE20K's
    `objectInfo150.txt`; else numbers, as many as the training masks have."""
    names: list[str] = []
    if isinstance(recipe.classes, tuple):
        names, count = list(recipe.classes), len(recipe.classes)
    else:
        if (folder / "classes.txt").is_file():
            names = read_lines(folder / "classes.txt", "a class a line")
        elif (folder / "objectInfo150.txt").is_file():
            lines = read_lines(folder / "objectInfo150.txt", "ADE20K's classes")
            names = [line.split("\t")[-1] for line in lines[1:]]
        count = recipe.classes or len(names) or len(recipe.values) or found_in(pairs, recipe)
        if names and len(names) != count:
            raise Failure(f"{folder} names {len(names)} classes, and the recipe says {count}")
    if recipe.values and len(recipe.values) != count:
        raise Failure(f"{folder} has {count} classes, and the recipe has {len(recipe.values)} values for them")
    if not 1 < count <= VOID:
        few = "one class leaves nothing to tell apart" if count < 2 else f"{VOID} classes are the most"
        raise Failure(
            f"{folder} has {count} class{'es' if count > 1 else ''}: {few}", "see classes, values and void"
        )
    return tuple(names) or tuple(
        f"class {number}" for number in recipe.values or range(recipe.first, recipe.first + count)
    )


def found_in(pairs: ImageMaskPairs, recipe: Segment) -> int:
    """How many classes the training masks speak of, from their largest number."""
    areas = areas_of(numbers(pair.mask) for pair in pairs.train)
    present, where = set(areas.pixels), pairs.train[0].mask.parent
    require_plain(present, recipe, where)
    _require_sharp(areas, recipe, where)
    classes = sorted(present - void_of(recipe))
    if not classes or classes[-1] < recipe.first:
        raise Failure(f"no training mask in {where} has a class in it")
    count = classes[-1] - recipe.first + 1
    if 2 * len(classes) < count:
        raise Failure(
            f"the masks in {where} have the numbers {listed(sorted(present))} and no others up to {classes[-1]}: "
            "are these the classes?",
            f"say so: --set values={joined(classes)}"
            + (f" (with 255 where it is one too: {joined([*classes, VOID])})" if VOID in present else "")
            + f", or that there are more: --set classes={count}",
        )
    return count


def _require_sharp(areas: Areas, recipe: Segment, where: Path) -> None:
    """Ask where most numbers are on borders alone: masks that were resized as photos are have such numbers between
    those of their classes."""
    classes = sorted(set(areas.pixels) - void_of(recipe))
    borders = areas.on_borders(classes)
    if len(borders) < FEW or 2 * len(borders) < len(classes):
        return
    raise Failure(
        f"the masks in {where} have {len(classes)} numbers, of which {len(borders)} ({listed(borders)}) are on "
        f"borders alone, {areas.share(borders):.1%} of the pixels: were the masks smoothed when they were resized?",
        "resize masks to the nearest pixel; or, if all these are classes, say so: "
        f"--set classes={classes[-1] - recipe.first + 1}",
    )


def require_plain(present: Collection[int], recipe: Segment, where: Path) -> None:
    """Ask where 255, which is void by custom, is the only number beside one class: then it may be the other."""
    classes = sorted(set(present) - void_of(recipe))
    if VOID in void_of(recipe) - set(recipe.void) and VOID in present and len(classes) == 1:
        raise Failure(
            f"the masks in {where} have the numbers {classes[0]} and {VOID} alone: is {VOID} a class, or void (no "
            "class, as is the custom)?",
            f"a class: --set values={classes[0]},{VOID}; void: --set void={VOID}",
        )


def void_of(recipe: Segment) -> set[int]:
    """The numbers in masks that are no class."""
    return {VOID, *recipe.void} - set(recipe.values)


def joined(numbers: Sequence[int]) -> str:
    return ",".join(map(str, numbers))


def listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers[:8])) + (", …" if len(numbers) > 8 else "")


def numbers(mask: Path) -> NDArray[np.int64]:
    """The numbers in a mask, [height, width]. Raises `Failure` for what is no mask."""
    try:
        with Image.open(mask, formats=("PNG", "BMP", "TIFF", "GIF")) as file:
            if file.mode not in ("1", "L", "P", "I", "I;16", "I;16B"):
                raise Failure(
                    f"{mask} is a picture of mode {file.mode}",
                    "masks are grey or palette pictures of class numbers",
                )
            return np.asarray(file).astype(np.int64)
    except Failure:
        raise
    except Exception as error:  # damaged bytes make decoders raise nearly anything
        raise Unreadable(f"{mask}: {error or type(error).__name__}", "restore the mask") from None


def opened(pair: ImageMaskPair, classes: int, recipe: Segment) -> tuple[Image.Image, NDArray[np.uint8]]:
    """An image and its labels: [height, width], from 0, VOID where there is no class."""
    mask = numbers(pair.mask)
    image = picture(pair.image, (mask.shape[1], mask.shape[0]))
    if mask.shape != (image.height, image.width):
        sides = f"{mask.shape[1]}×{mask.shape[0]}"
        raise Failure(f"{pair.mask} is {sides} pixels, and {pair.image.name} is {image.width}×{image.height}")
    none, labels = np.isin(mask, list(void_of(recipe))), labels_of(mask, recipe)
    strange = ~none & ((labels < 0) | (labels >= classes))
    if strange.any():
        row, column = (int(places[0]) for places in np.nonzero(strange))
        others = sorted(set(mask[strange].tolist()))
        if recipe.values:
            known, more = listed(recipe.values), [f"say --set values={joined([*recipe.values, *others])}"]
        else:
            known = f"{recipe.first} to {recipe.first + classes - 1}"
            more = [] if others[0] < recipe.first else [f"say --set classes={others[-1] - recipe.first + 1}"]
        raise Failure(
            f"{pair.mask} has the number {mask[row, column]} at column {column}, row {row}: no class (they are "
            f"{known}) and not void",
            ", ".join(["correct the mask", *more])
            + f", or, if it is not to count: --set void={joined(sorted({*recipe.void, *others}))}",
        )
    return image, np.where(none, VOID, labels).astype(np.uint8)


def labels_of(mask: NDArray[np.int64], recipe: Segment) -> NDArray[np.int64]:
    """The classes that the numbers of a mask mean, from 0; what means none is below or beyond them."""
    if not recipe.values:
        return mask - recipe.first
    order = np.argsort(recipe.values)
    values = np.array(recipe.values)[order]
    place = np.searchsorted(values, mask).clip(max=len(values) - 1)
    return np.where(values[place] == mask, order[place], -1)
