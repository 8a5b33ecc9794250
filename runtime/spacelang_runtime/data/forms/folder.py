"""A folder of images by class: `train/CLASS/*` and `val/CLASS/*`, or `CLASS/*` alone.

It is on the disk, or inside of a zip or of tars (`laid_out`). ImageNet's flat `val` and tiny-imagenet's
`CLASS/images/*` are such folders too.
"""

from __future__ import annotations

from pathlib import Path

from spacelang_runtime.data.decode import shown
from spacelang_runtime.data.forms.classes import class_folders, folders_in, has_images, listed_part
from spacelang_runtime.data.forms.ground_truth import by_ground_truth
from spacelang_runtime.data.left_out import LeftOut, together
from spacelang_runtime.data.listing import LAYOUT, TESTS, TRAIN, WHOLE, ListedSplit, Listing
from spacelang_runtime.data.tree import Disk, Tree
from spacelang_runtime.failure import Failure


def listed(where: str, only_test: bool) -> Listing | None:
    """A folder of the disk. Every file's name and size is looked at once; none is opened but a ground truth."""
    root = Path(where).expanduser()
    return laid_out(Disk(root), "a folder", root.resolve().name, only_test) if root.is_dir() else None


def laid_out(tree: Tree, what: str, name: str, only_test: bool) -> Listing:
    """The images of a tree, by class.

    The folders in `train/` are the classes, in alphabetical order; hidden folders and files are passed over, and
    what else is not read is counted and named. The test split is `val/`, or `test/` where there is no `val/`. A
    tree without them whose folders hold images is one split. what: the tree is, in words. Raises `Failure` for a
    tree that is not laid out so, and for a class without images.
    """
    root = tree.root
    train, test = root / TRAIN, next((root / name for name in TESTS if tree.is_folder(root / name)), None)
    if not only_test and (around := _around(root)) is not None:
        raise Failure(f"{shown(root)}: there is no folder {TRAIN} in it", f"did you mean {shown(around)}?")
    if (flat := _flat(tree, only_test)) is not None:
        part, left = listed_part(tree, root, WHOLE, flat)
        odd = [name for name in (TRAIN, *TESTS) if name in flat]
        taken = f"{', '.join(odd)} in {shown(root)} holds images and no class folders: it is taken for a class"
        return Listing(f"{what} of classes", name, root, (part,), (*([taken] if odd else []), *left.lines(root)))
    if not only_test and not tree.is_folder(train):
        raise _without(tree, TRAIN, TRAIN)
    if test is None and (only_test or not folders_in(tree, train)):
        raise _without(tree, "val (or test)", *(TESTS if only_test else (TRAIN,)))

    parts: list[ListedSplit] = []
    left: list[LeftOut] = []
    said: list[str] = []
    for path in [train] * (not only_test) + [test] * (test is not None):
        assert path is not None
        if path == test and (truth := by_ground_truth(tree, path)) is not None:
            parts.append(truth.part)
            said += truth.said
            continue
        part, beside = listed_part(tree, path, path.name, class_folders(tree, path))
        parts.append(part)
        left.append(beside)
    of = " and ".join(part.name for part in parts)
    return Listing(f"{what} with {of}", name, root, tuple(parts), (*said, *together(left).lines(root)))


def _flat(tree: Tree, only_test: bool) -> tuple[str, ...] | None:
    """The classes of a tree that is one split; None for a tree of splits, or of neither.

    A folder `train` with images directly in it is a class that is called so, among others beside it.
    """
    root, own = tree.root, folders_in(tree, tree.root)
    splits = [name for name in own if name in (TRAIN, *TESTS)]
    beside = [name for name in own if name not in splits]
    if only_test and not splits:
        return None if any(_folders_named(tree, root / name) for name in own) else class_folders(tree, root)
    if not any(has_images(tree, root / name) for name in beside):
        return None
    classes = [name for name in splits if has_images(tree, root / name) and not folders_in(tree, root / name)]
    return class_folders(tree, root) if classes == splits else None


def _folders_named(tree: Tree, path: Path) -> bool:
    return any(tree.is_folder(path / name) for name in TESTS)


def _around(root: Path) -> Path | None:
    """The folder of all splits, where a folder is one of them."""
    whole = root.resolve()
    around = whole.parent
    splits = (around / TRAIN).is_dir() and any((around / name).is_dir() for name in TESTS)
    if whole.name not in (TRAIN, *TESTS) or not splits:
        return None
    return root.parent if root.parent != Path() else around


def _without(tree: Tree, missing: str, *known_by: str) -> Failure:
    """That a folder of a split is not there. known_by: what the folder has that was meant, if one inside was."""
    root = tree.root
    inner = (root / name for name in folders_in(tree, root))
    meant = next((path for path in inner if any(tree.is_folder(path / name) for name in known_by)), None)
    remedy = f"did you mean {shown(meant)}?" if meant else LAYOUT
    if meant is None and has_images(tree, root):
        around = root.parent if root.parent != Path() else root.resolve().parent
        remedy = f"images lie in it itself: if it is one class, name the folder around it, {shown(around)}"
    return Failure(f"{shown(root)}: there is no folder {missing} in it", remedy)
