"""Test images that lie in one folder, with a file that tells their classes: ImageNet's `val`, tiny-imagenet's.

Read are, beside the images or above them:

    val_annotations.txt (tiny-imagenet), val.txt, LOC_val_solution.csv      FILE CLASS … in each line
    imagenet_2012_validation_synset_labels.txt                              CLASS for each image, in order
    ILSVRC2012_validation_ground_truth.txt, with meta.mat beside it         a number of the development kit

A class is a name of the training split; or, behind a file, its number among them in alphabetical order, from 0. The
numbers of the development kit are its own, in no such order: `meta.mat` tells what they stand for.
"""

from __future__ import annotations

import os
import re
from io import BytesIO
from pathlib import Path

import numpy as np
from attrs import frozen

from spacelang.amount import counted
from spacelang_runtime.data.decode import SUFFIXES, shown
from spacelang_runtime.data.forms.classes import class_folders, has_images
from spacelang_runtime.data.listing import TRAIN, ListedSplit
from spacelang_runtime.data.tree import Tree
from spacelang_runtime.failure import Failure

KIT = "ILSVRC2012_validation_ground_truth.txt"
NAMES = (
    *("val_annotations.txt", "val.txt", "LOC_val_solution.csv", "val_labels.txt", "ground_truth.txt"),
    *("imagenet_2012_validation_synset_labels.txt", KIT),
)
FOLDERS = ("", "ILSVRC2012_devkit_t12/data", "devkit/data", "data")
TOLD = f"put its ground truth beside it: {', '.join(NAMES)}"


@frozen
class GroundTruth:
    """A split whose classes a file tells. said: what to tell of it, in lines."""

    part: ListedSplit
    said: tuple[str, ...]


def by_ground_truth(tree: Tree, split: Path) -> GroundTruth | None:
    """The images of a split that lie in it directly, or in `images` inside of it; None where it has class folders,
    and where there is no such file. Raises `Failure` for one that does not fit."""
    folders = [entry.name for entry in tree.scan(split) if entry.folder]
    inner = split / "images" if folders == ["images"] else split
    if (folders and inner == split) or not has_images(tree, inner) or not tree.is_folder(tree.root / TRAIN):
        return None
    found = next((path for path in _places(tree, split) if tree.read(path) is not None), None)
    if found is None:
        count = len(tree.scan(inner))
        raise Failure(
            f"{shown(split)}: holds {count} files and no class folder",
            f"put each image into a folder of its class, or {TOLD}",
        )
    classes = class_folders(tree, tree.root / TRAIN)
    images = sorted(
        (entry for entry in tree.scan(inner) if not entry.folder and entry.name.lower().endswith(SUFFIXES)),
        key=lambda entry: os.fsencode(entry.name),
    )
    labels = _labels(tree, found, [entry.name for entry in images], classes)
    known = labels >= 0
    kept = [entry for entry, one in zip(images, known.tolist(), strict=True) if one]
    names = np.array([os.fsencode(entry.name) for entry in kept])
    encoded = tree.encoded([inner] * len(classes), names, labels[known], [entry.member for entry in kept])
    sizes = np.array([entry.size for entry in kept], dtype=np.int64)
    said = [f"the classes of {shown(split)} are those that {shown(found)} tells"]
    if not known.all():
        first = images[int(np.flatnonzero(~known)[0])].name
        said.append(f"left out: {counted(int((~known).sum()), 'image')} that it does not tell of (first: {first})")
    return GroundTruth(ListedSplit(split.name, classes, encoded, names, labels[known], sizes), tuple(said))


def _places(tree: Tree, split: Path) -> list[Path]:
    """Where a ground truth may lie, the likeliest first."""
    return [place / folder / name for place in (split, tree.root) for folder in FOLDERS for name in NAMES]


def _labels(tree: Tree, path: Path, names: list[str], classes: tuple[str, ...]) -> np.ndarray:
    """The class of each image, -1 for one that the file does not tell of."""
    lines = (tree.read(path) or b"").decode("utf-8-sig", "replace").splitlines()
    words = [re.split(r"[\s,;]+", line.strip()) for line in lines if line.strip()]
    number = {name: label for label, name in enumerate(classes)}
    if words and max(map(len, words)) == 1:
        if len(words) != len(names):
            raise Failure(
                f"{shown(path)} has {len(words)} lines, and there are {len(names)} images",
                "it should tell the class of each image, in the order of their names",
            )
        told = [one for (one,) in words]
        if all(one.isdecimal() for one in told) and not set(told) <= set(number):
            number = _of_the_kit(tree, path, number)
        return np.array([_number(one, number, path) for one in told], dtype=np.int64)
    of = {line[0]: line[1] for line in words if len(line) > 1 and line[:1] != ["ImageId"]}
    if all(one.isdecimal() and one not in number for one in of.values()):
        number = {str(label): label for label in range(len(classes))}
    stems = {Path(name).stem: one for name, one in of.items()}
    own = [of.get(name, stems.get(Path(name).stem)) for name in names]
    labels = [-1 if one is None else _number(one, number, path) for one in own]
    if all(label < 0 for label in labels):
        raise Failure(
            f"{shown(path)} tells of none of these images", f"its lines are FILE CLASS, such as {names[0]}"
        )
    return np.array(labels, dtype=np.int64)


def _number(told: str, number: dict[str, int], path: Path) -> int:
    if told not in number:
        raise Failure(
            f"{shown(path)} speaks of a class {told}, which the training images do not have",
            "its classes are the names of the folders in train",
        )
    return number[told]


def _of_the_kit(tree: Tree, path: Path, number: dict[str, int]) -> dict[str, int]:
    """What the numbers of ImageNet's development kit stand for."""
    content = tree.read(path.parent / "meta.mat")
    if content is None:
        raise Failure(
            f"{shown(path)} has the development kit's own numbers, which are in no order of names",
            f"put meta.mat of the same kit beside it, or {TOLD}",
        )
    from scipy.io import loadmat  # comes with scikit-learn

    rows = loadmat(BytesIO(content), squeeze_me=True)["synsets"]
    leaves = [row for row in rows.tolist() if int(row[4]) == 0]  # the others are classes of classes
    return {str(int(row[0])): number[str(row[1])] for row in leaves if str(row[1]) in number}
