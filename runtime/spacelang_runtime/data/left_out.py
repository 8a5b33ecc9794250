"""What of a folder of images is not read, counted and named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from attrs import frozen

from spacelang.amount import counted
from spacelang_runtime.data.decode import NAMED, SUFFIXES, shown
from spacelang_runtime.data.tree import Tree, TreeEntry

DEEP = 16  # links may lead in circles
UNSAID = frozenset({"thumbs.db", "desktop.ini"})  # what a system puts beside pictures by itself


@frozen
class LeftOut:
    """files: of kinds that are not read, and what lies outside of every class. folders: inside a class, each with
    how many pictures are in it."""

    files: tuple[Path, ...] = ()
    folders: tuple[tuple[Path, int], ...] = ()

    def lines(self, root: Path) -> list[str]:
        """What to tell a person, a line for each reason. root: what paths are given from."""
        said = []
        if self.files:
            kinds = Counter(path.suffix.lower() or "without an ending" for path in self.files)
            kind = ", ".join(f"{ending} {count}" for ending, count in kinds.most_common(4))
            first = shown(self.files[0].relative_to(root))
            what = f"{counted(len(self.files), 'file')} that {'is' if len(self.files) == 1 else 'are'}"
            said.append(f"left out: {what} no {NAMED} image of a class ({kind}; first: {first})")
        if inside := sum(count for _, count in self.folders):
            first = shown(self.folders[0][0].relative_to(root))
            said.append(
                f"left out: {counted(inside, 'image')} in folders inside of a class (first: {first}): "
                "a class has its images in its own folder"
            )
        return said


def together(parts: Iterable[LeftOut]) -> LeftOut:
    """All that several parts of a folder leave out."""
    every = list(parts)
    return LeftOut(
        tuple(path for part in every for path in part.files),
        tuple(one for part in every for one in part.folders),
    )


def left_out(tree: Tree, path: Path, entries: Sequence[TreeEntry]) -> LeftOut:
    """What of a class's folder is left out. entries: what is in it."""
    files, folders = [], []
    for entry in entries:
        if entry.folder:
            folders.append((path / entry.name, _images(tree, path / entry.name)))
        elif not entry.name.lower().endswith(SUFFIXES) and entry.name.lower() not in UNSAID:
            files.append(path / entry.name)
    return LeftOut(tuple(sorted(files)), tuple(sorted(folders)))


def _images(tree: Tree, path: Path, deep: int = DEEP) -> int:
    """How many pictures are in a folder and in those inside of it."""
    entries: list[TreeEntry] = []
    with suppress(OSError):  # one that may not be looked at
        entries = tree.scan(path)
    own = sum(entry.name.lower().endswith(SUFFIXES) for entry in entries if not entry.folder)
    return own + sum(_images(tree, path / entry.name, deep - 1) for entry in entries if entry.folder and deep)
