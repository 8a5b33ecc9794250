"""The class folders of a split, and the images in them."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from spacelang_runtime.data.decode import NAMED, SUFFIXES, shown
from spacelang_runtime.data.left_out import LeftOut, left_out, together
from spacelang_runtime.data.listing import LAYOUT, ListedSplit
from spacelang_runtime.data.tree import Tree, TreeEntry
from spacelang_runtime.failure import Failure

INSIDE = "images"  # where a class of tiny-imagenet has its images


def class_folders(tree: Tree, split: Path) -> tuple[str, ...]:
    """The names of the classes of a split, in alphabetical order."""
    try:
        entries = tree.scan(split)
    except OSError as error:
        raise _unreadable(split, error) from None
    classes = tuple(sorted(entry.name for entry in entries if entry.folder))
    if not classes:
        found = f"{len(entries)} files and no class folder" if entries else "nothing"
        raise Failure(f"{shown(split)}: holds {found}", f"put each image into a folder of its class: {LAYOUT}")
    return classes


def folders_in(tree: Tree, path: Path) -> list[str]:
    """The names of the folders in a folder, in alphabetical order."""
    try:
        return sorted(entry.name for entry in tree.scan(path) if entry.folder)
    except OSError as error:
        raise _unreadable(path, error) from None


def listed_part(tree: Tree, split: Path, name: str, classes: tuple[str, ...]) -> tuple[ListedSplit, LeftOut]:
    """The images of a split, and what is left out of it. classes: its class folders."""
    folders = [split / own for own in classes]
    with ThreadPoolExecutor(8) as pool:  # a network drive answers each question late, and several at once
        listed = list(pool.map(lambda folder: class_images(tree, folder), folders))
    loose = sorted(split / entry.name for entry in tree.scan(split) if not entry.folder)
    beside = LeftOut(tuple(path for path in loose if path.suffix.lower() in SUFFIXES))
    empty = [(own, left) for own, (images, left, _) in zip(classes, listed, strict=True) if not images]
    if empty:
        own, left = empty[0]
        more = f" (and {len(empty) - 1} more classes)" if len(empty) > 1 else ""
        there = "".join(f"; {line}" for line in left.lines(split))
        raise Failure(
            f"{shown(split / own)}: no image in this class{more}{there}",
            f"add images ({NAMED}) or remove the class from every split",
        )
    entries = [entry for images, _, _ in listed for entry in images]
    names = np.array([os.fsencode(entry.name) for entry in entries])
    labels = np.repeat(np.arange(len(classes)), [len(images) for images, _, _ in listed])
    encoded = tree.encoded([folder for _, _, folder in listed], names, labels, [entry.member for entry in entries])
    sizes = np.array([entry.size for entry in entries], dtype=np.int64)
    return ListedSplit(name, classes, encoded, names, labels, sizes), together(
        (*(left for _, left, _ in listed), beside)
    )


def class_images(tree: Tree, path: Path) -> tuple[list[TreeEntry], LeftOut, Path]:
    """The images of a class, sorted by name; what else is in its folder; and the folder that they lie in, which is
    `images` inside of it where that is all it has, as in tiny-imagenet."""
    try:
        entries = tree.scan(path)
        images = _images(entries)
        if not images and [entry.name for entry in entries if entry.folder] == [INSIDE]:
            path = path / INSIDE
            entries = [entry for entry in entries if not entry.folder and not entry.name.endswith("_boxes.txt")]
            entries += tree.scan(path)
            images = _images(entries)
    except OSError as error:
        raise _unreadable(path, error) from None
    return images, left_out(tree, path, entries), path


def has_images(tree: Tree, path: Path) -> bool:
    """Whether images lie in a folder, not in one inside of it."""
    try:
        return bool(_images(tree.scan(path)))
    except OSError:  # it may not be looked at
        return False


def _images(entries: list[TreeEntry]) -> list[TreeEntry]:
    own = (entry for entry in entries if not entry.folder and entry.name.lower().endswith(SUFFIXES))
    return sorted(own, key=lambda entry: os.fsencode(entry.name))


def _unreadable(path: Path, error: OSError) -> Failure:
    return Failure(f"{shown(path)}: cannot be read: {error.strerror}", "check its permissions")
