"""A folder `train/CLASS/*` and `val/CLASS/*`, listed."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spacelang_runtime.data.decode import ANY_SIDE, NAMED, SUFFIXES, shown
from spacelang_runtime.data.left_out import LeftOut, left_out, together
from spacelang_runtime.data.pictures import Files
from spacelang_runtime.data.source import Source, Split
from spacelang_runtime.data.stratify import ranks
from spacelang_runtime.failure import Failure

TESTS = ("val", "test")  # the folder of the test images: the first that is there
LAYOUT = f"data is a folder with train/CLASS/* and val/CLASS/*, images in {NAMED}"


def folder(root: Path, most: int) -> Source:
    """The images of a folder, by class. Every file's name and size is looked at once; none is opened.

    The folders in `train/` are the classes, in alphabetical order; hidden folders and files are passed over, and
    what else is not read is counted and named. The test split is `val/`, or `test/` where there is no `val/`.
    most: limit of the shorter side in pixels when a picture is read. Raises `Failure` for a folder that is not laid
    out so, a class without images, and classes of the splits that differ.
    """
    _require_folder(root)
    train, test = root / "train", _test(root)
    if not train.is_dir() or test is None:
        missing = "train" if not train.is_dir() else "val (or test)"
        raise _without(root, missing, "train")

    classes, wanted = class_folders(train), class_folders(test)
    differing = sorted(set(classes) ^ set(wanted))
    if differing:
        only = [f"{name} ({'train' if name in classes else test.name} only)" for name in differing[:3]]
        more = f" and {len(differing) - 3} more" if len(differing) > 3 else ""
        raise Failure(
            f"{shown(root)}: train and {test.name} have different classes: {', '.join(only)}{more}",
            f"give every class a folder in both train and {test.name}",
        )
    _require_several(train, classes)
    digest = sha256("\0".join(classes).encode())
    splits, left, files = [], [], {}
    for path in (train, test):
        split, sizes, beside = _split(path, classes, most)
        left.append(beside)
        files |= _told(path.name, classes, split, sizes)
        assert isinstance(split.pictures, Files)
        for part in (split.pictures.names, split.labels.astype("<i8"), sizes):
            digest.update(part.tobytes())
        splits.append(split)
    said = tuple(together(left).lines(root))
    return Source(root.resolve().name, classes, *splits, digest.hexdigest(), said, files)


def test_folder(root: Path) -> tuple[str, tuple[str, ...], Split, list[str]]:
    """The name of a folder's data, its classes, and its test images alone: those of `val/`, or of `test/`, or of
    class folders that lie in it; and what is left out of them, in words. Raises `Failure` like `folder`."""
    _require_folder(root)
    path = _test(root)
    if path is None and ((root / "train").is_dir() or _inside(root, *TESTS)):
        raise _without(root, "val (or test)", *TESTS)
    path = path or root
    classes = class_folders(path)
    _require_several(path, classes)
    split, _, left = _split(path, classes, ANY_SIDE)
    return root.resolve().name, classes, split, left.lines(root)


def _require_folder(root: Path) -> None:
    if not root.is_dir():
        what = "is a file" if root.exists() else "does not exist"
        near = _near(root)
        remedy = f"did you mean {shown(near)}?" if near else f"give digits (built in) or a folder: {LAYOUT}"
        raise Failure(f"{shown(root)}: this data folder {what}", remedy)


def _near(root: Path) -> Path | None:
    """The folder that was meant by a name that is none: one beside it with other capitals, or a slip away."""
    try:
        there = sorted(path.name for path in root.parent.iterdir() if path.is_dir() and path.name[0] != ".")
    except OSError:
        return None
    same = [name for name in there if name.lower() == root.name.lower()]
    found = same or get_close_matches(root.name, there, n=1)
    return root.parent / found[0] if found else None


def _test(root: Path) -> Path | None:
    return next((root / name for name in TESTS if (root / name).is_dir()), None)


def _without(root: Path, missing: str, *known_by: str) -> Failure:
    """That a folder of a split is not there. known_by: what the folder has that was meant, if one inside was, or
    the one around it."""
    around = root.resolve().parent
    if root.resolve().name in ("train", *TESTS) and (around / "train").is_dir() and _test(around):
        meant: Path | None = root.parent if root.parent != Path() else around
    else:
        meant = _inside(root, *known_by)
    remedy = f"did you mean {shown(meant)}?" if meant else LAYOUT
    return Failure(f"{shown(root)}: there is no folder {missing} in it", remedy)


def _inside(root: Path, *names: str) -> Path | None:
    """The first folder inside that has one of some folders."""
    return next((path for path in sorted(root.iterdir()) if any((path / name).is_dir() for name in names)), None)


def _require_several(path: Path, classes: tuple[str, ...]) -> None:
    if len(classes) < 2:
        raise Failure(f"{shown(path)}: one class, {classes[0]}, leaves nothing to tell apart", LAYOUT)


def _split(path: Path, classes: tuple[str, ...], most: int) -> tuple[Split, NDArray[np.int64], LeftOut]:
    """The images of a split, the sizes of their files in bytes, and what is left out of it."""
    listed, left = _listed(path, classes)
    names = np.array([name for files in listed for name, _ in files])
    labels = np.repeat(np.arange(len(classes)), [len(files) for files in listed])
    sizes = np.array([size for files in listed for _, size in files], dtype="<i8")
    rank = ranks(classes[label].encode() + b"/" + name for label, files in enumerate(listed) for name, _ in files)
    return Split(Files(path, classes, names, labels, most), labels, rank), sizes, left


def class_folders(split: Path) -> tuple[str, ...]:
    """The names of the classes of a split, in alphabetical order."""
    try:
        entries = [entry for entry in os.scandir(split) if not entry.name.startswith(".")]
    except OSError as error:
        raise Failure(f"{shown(split)}: cannot be read: {error.strerror}", "check its permissions") from None
    classes = tuple(sorted(entry.name for entry in entries if entry.is_dir()))
    if not classes:
        found = f"{len(entries)} files and no class folder" if entries else "nothing"
        raise Failure(f"{shown(split)}: holds {found}", f"put each image into a folder of its class: {LAYOUT}")
    for name in classes:
        if not name.isprintable():
            raise Failure(
                f"{shown(split)}: a class whose name cannot be printed: {name!a}",
                "rename its folder in every split",
            )
    return classes


def _listed(split: Path, classes: tuple[str, ...]) -> tuple[list[list[tuple[bytes, int]]], LeftOut]:
    with ThreadPoolExecutor(8) as pool:  # a network drive answers each question late, and several at once
        listed, left = zip(*pool.map(class_images, (split / name for name in classes)), strict=True)
    beside = LeftOut(tuple(path for path in _loose(split) if path.suffix.lower() in SUFFIXES))
    empty = [(name, one) for name, files, one in zip(classes, listed, left, strict=True) if not files]
    if empty:
        name, one = empty[0]
        more = f" (and {len(empty) - 1} more classes)" if len(empty) > 1 else ""
        there = "".join(f"; {line}" for line in one.lines(split))
        raise Failure(
            f"{shown(split / name)}: no image in this class{more}{there}",
            f"add images ({NAMED}) or remove the class from every split",
        )
    return list(listed), together((*left, beside))


def _told(part: str, classes: tuple[str, ...], split: Split, sizes: NDArray[np.int64]) -> dict[str, str]:
    """How many images of how many bytes each class of a split has."""
    counts = np.bincount(split.labels, minlength=len(classes)).tolist()
    whole = np.bincount(split.labels, weights=sizes, minlength=len(classes)).astype(int).tolist()
    return {
        f"{part}/{name}": f"{count} images of {size} bytes"
        for name, count, size in zip(classes, counts, whole, strict=True)
    }


def _loose(split: Path) -> list[Path]:
    """The files that lie in no class's folder."""
    return sorted(Path(entry.path) for entry in os.scandir(split) if entry.name[0] != "." and not entry.is_dir())


def class_images(path: Path) -> tuple[list[tuple[bytes, int]], LeftOut]:
    """The names and sizes (in bytes; -1 for a dangling link) of the images in a class folder, sorted by name; and
    what else is in it."""
    files = []
    try:
        entries = [entry for entry in os.scandir(path) if not entry.name.startswith(".")]
        for entry in entries:
            if entry.name.lower().endswith(SUFFIXES) and not entry.is_dir():
                try:
                    size = entry.stat().st_size
                except OSError:
                    size = -1
                files.append((os.fsencode(entry.name), size))
    except OSError as error:
        raise Failure(f"{shown(path)}: cannot be read: {error.strerror}", "check its permissions") from None
    return sorted(files), left_out(entries)
