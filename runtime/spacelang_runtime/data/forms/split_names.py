"""Which split a file is of, by its name or by its folder's."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from spacelang_runtime.data.decode import SUFFIXES, shown
from spacelang_runtime.data.listing import TESTS, TRAIN, WHOLE
from spacelang_runtime.failure import Failure

WORDS = {
    **dict.fromkeys(("train", "training"), TRAIN),
    **dict.fromkeys(("val", "valid", "validation", "dev", "eval"), TESTS[0]),
    **dict.fromkeys(("test", "testing"), TESTS[1]),
}


def split_named(name: str) -> str:
    """The split that a name speaks of: the first word in it that is one; `WHOLE` for none."""
    return next((WORDS[word] for word in re.findall("[a-z]+", name.lower()) if word in WORDS), WHOLE)


def by_split(paths: Sequence[Path], place: Path) -> dict[str, list[Path]]:
    """Files by split, in their order: by their own names, or else by the folders that they lie in, below `place`.

    Raises `Failure` where some have a split and some have none.
    """
    of: dict[str, list[Path]] = {}
    for path in paths:
        below = path.relative_to(place).parts if path.is_relative_to(place) and place.is_dir() else (path.name,)
        words = [split_named(part) for part in reversed(below)]
        of.setdefault(next((word for word in words if word), WHOLE), []).append(path)
    if WHOLE in of and len(of) > 1:
        others, alone = ", ".join(name for name in of if name), of[WHOLE]
        raise Failure(
            f"{shown(place)}: {alone[0].name} and {len(alone) - 1} more are of no split, others of {others}",
            "call each after its split: train, val or test",
        )
    return {name: of[name] for name in (WHOLE, TRAIN, *TESTS) if name in of}


def files_below(folder: Path, suffix: str) -> list[Path]:
    """The files with that ending in a folder, or in folders inside of it that are called after a split, or `data`.

    There are none where images lie in class folders: an archive beside those is what they were unpacked from.
    """
    found = _below(folder, suffix)
    return [] if found and any(map(_holds_images, (*_folders(folder), *_folders(folder / TRAIN)))) else found


def _below(folder: Path, suffix: str) -> list[Path]:
    own = sorted(path for path in folder.glob(f"*{suffix}") if path.is_file() and path.name[0] != ".")
    below = [path for path in _folders(folder) if split_named(path.name) or path.name == "data"]
    return own or [file for path in below for file in _below(path, suffix)]


def _folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_dir() and path.name[0] != ".")


def _holds_images(folder: Path) -> bool:
    with suppress(OSError):  # one that may not be looked at
        return any(path.suffix.lower() in SUFFIXES for path in folder.iterdir())
    return False
