"""Folders of files: on the disk, or inside of other files, as in a zip."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from spacelang_runtime.data.decode import SUFFIXES
from spacelang_runtime.data.encoded import Encoded, Extents, Paths


class TreeEntry(NamedTuple):
    """What a folder holds. size: of an image, in bytes; -1 for a dangling link. member: its number among all files
    of the tree, where the tree numbers them."""

    name: str
    folder: bool
    size: int = 0
    member: int = 0


class Tree(Protocol):
    """Folders of files. Paths begin with its root. Hidden folders and files are passed over."""

    @property
    def root(self) -> Path: ...

    def is_folder(self, path: Path) -> bool: ...

    def scan(self, path: Path) -> list[TreeEntry]:
        """What a folder holds, in any order. Raises OSError where it cannot be read."""
        ...

    def read(self, path: Path) -> bytes | None:
        """All bytes of a file; None where there is none."""
        ...

    def encoded(
        self, folders: Sequence[Path], names: NDArray[np.bytes_], labels: NDArray[np.int64], members: Sequence[int]
    ) -> Encoded:
        """The files of these names in the folders that `labels` tell of each, whose entries have these members."""
        ...


@frozen
class Disk:
    """A folder of the disk."""

    root: Path

    def is_folder(self, path: Path) -> bool:
        return path.is_dir()

    def scan(self, path: Path) -> list[TreeEntry]:
        return [_entry(entry) for entry in os.scandir(path) if not entry.name.startswith(".")]

    def read(self, path: Path) -> bytes | None:
        return path.read_bytes() if path.is_file() else None

    def encoded(
        self, folders: Sequence[Path], names: NDArray[np.bytes_], labels: NDArray[np.int64], members: Sequence[int]
    ) -> Encoded:
        return Paths(self.root, tuple(folders), names, labels)


def _entry(entry: os.DirEntry[str]) -> TreeEntry:
    folder, size = entry.is_dir(), 0
    if not folder and entry.name.lower().endswith(SUFFIXES):
        try:
            size = entry.stat().st_size
        except OSError:
            size = -1
    return TreeEntry(entry.name, folder, size)


@frozen
class Members:
    """The folders inside of a zip, or of tars. of: what each holds. extents: all files."""

    root: Path
    of: dict[Path, list[TreeEntry]] = field(eq=False, repr=False)
    extents: Extents = field(eq=False, repr=False)

    def is_folder(self, path: Path) -> bool:
        return path in self.of

    def scan(self, path: Path) -> list[TreeEntry]:
        if path not in self.of:
            raise FileNotFoundError(2, "there is no such folder", str(path))
        return self.of[path]

    def read(self, path: Path) -> bytes | None:
        for entry in self.of.get(path.parent, []):
            if entry.name == path.name and not entry.folder:
                return self.extents.read(entry.member)
        return None

    def encoded(
        self, folders: Sequence[Path], names: NDArray[np.bytes_], labels: NDArray[np.int64], members: Sequence[int]
    ) -> Encoded:
        return self.extents.take(np.array(members, dtype=np.int64))


HIDDEN = "__MACOSX"  # what a system puts into the zips that it makes


def members(root: Path, extents: Extents, top: tuple[str, ...] = ()) -> Members:
    """The tree of files whose names have their folders in them. top: names of folders that are not to be taken for
    the one folder that all lies in, which is left out."""
    of: dict[Path, list[TreeEntry]] = {root: []}
    folder_of: dict[str, Path] = {"": root}

    def folder(name: str) -> Path:
        known = folder_of.get(name)
        if known is None:
            above, _, own = name.rpartition("/")
            known = folder_of[name] = folder(above) / own
            of.setdefault(known, [])
            of[folder(above)].append(TreeEntry(own, True))
        return known

    for member, name in enumerate(extents.names.tolist()):
        parts = [part for part in os.fsdecode(name).split("/") if part not in ("", ".")]
        if not parts or any(part.startswith(".") or part == HIDDEN for part in parts):
            continue  # `..` begins with a point too
        of[folder("/".join(parts[:-1]))].append(TreeEntry(parts[-1], False, int(extents.size[member]), member))
    while len(of[root]) == 1 and of[root][0].folder and of[root][0].name not in top:
        root = root / of[root][0].name
    return Members(root, of, extents)
