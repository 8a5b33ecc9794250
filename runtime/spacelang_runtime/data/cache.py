"""Decoded pictures on the disk, in the user's cache folder; and an account of all that lies there.

    train/SET/pixels       the bytes of all pictures, one after the other
    train/SET/index.json   their shapes, the broken files, and what they were decoded from
    *.images               the held-out pictures that searches score on (`search.decoded`)
    *.kept                 counts and marks of draws of the exact arithmetic (`spacelang.cache`)

A set is known by its files' names, sizes and times of change and by the limit of its pictures' sides: another file,
or one that was touched, makes another set. Its folder is written under another name first, so it is whole or not
there. This module does not import torch, so that looking at sets answers at once.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from spacelang import cache
from spacelang.outside import parse
from spacelang.outside import read as read_text
from spacelang_runtime.failure import Failure

if TYPE_CHECKING:
    from spacelang_runtime.data.pictures import Files

FORMAT = "spacelang.decoded/1"
_KEPT = re.compile(r"[0-9a-f]+\.kept|\.\w+\.part|grammar\.lark-cache")  # the last: of versions before
_NAME = re.compile(r"[0-9a-f]+")  # of everything that is kept: a digest
_ELSEWHERE = "name a folder of your own: SPACELANG_CACHE=FOLDER"
SPARE = 4  # a set may take so small a part of what the disk has left


class Part(Protocol):
    """Some pictures, as `hold.Decoded` has them."""

    @property
    def pixels(self) -> NDArray[np.uint8]: ...
    @property
    def shapes(self) -> NDArray[np.int64]: ...
    @property
    def broken(self) -> list[tuple[str, str]]: ...


@frozen
class Cached:
    """One thing on the disk. place: a file, or a folder of several. of: what it is. size: in bytes. used: last
    time, in seconds since 1970."""

    place: Path
    of: str
    size: int
    used: float


def folder() -> Path:
    """Where all that is decoded lies. Raises `Failure` where the user's cache is switched off, or is not ours
    alone."""
    if (found := cache.named()) is None:
        raise Failure("there is no cache", _ELSEWHERE)
    if why := cache.refused():
        raise Failure(why, _ELSEWHERE)
    return found


def ready() -> Path:
    """The folder, made where there is none. Raises `Failure` where it cannot be written either."""
    if cache.home() is None:
        raise Failure(f"cannot write into {folder()}", _ELSEWHERE)
    return folder()


def home() -> Path:
    """Where the sets lie that training reads."""
    return folder() / "train"


def fits(size: int) -> bool:
    """Whether the disk takes so many bytes easily, and lets itself be written."""
    try:
        ready()
        home().mkdir(exist_ok=True)
        return os.access(home(), os.W_OK) and SPARE * size <= shutil.disk_usage(home()).free
    except (Failure, OSError):
        return False


def place(files: Files) -> Path:
    """The folder of a set."""
    digest = blake2b(f"{FORMAT} {files.most} {files.folder.resolve()}".encode(), digest_size=12)
    for index in range(len(files)):
        path = files.path(index)
        try:
            stat = path.stat()
            digest.update(f"{os.fspath(path)!r} {stat.st_size} {stat.st_mtime_ns}\n".encode())
        except OSError:
            digest.update(f"{os.fspath(path)!r} is gone\n".encode())
    return home() / digest.hexdigest()


@contextmanager
def alone(place: Path, wait: bool = True) -> Iterator[None]:
    """Inside, no other process of this host is about the same set: one decodes it, the others wait for it.

    Raises BlockingIOError where it should not wait and another one is.
    """
    with open(place.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def complete(place: Path) -> bool:
    """Whether the set is there, and whole: a machine that lost its power may have kept half of it."""
    try:
        about = _index(place)
        size = sum(3 * height * width for height, width in about["shapes"])
        told = isinstance(about["of"], str) and all(len(one) == 2 for one in about["broken"])
        return told and all(map(_side, about["shapes"])) and (place / "pixels").stat().st_size == size
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return False


def _side(shape: list[object]) -> bool:
    return all(isinstance(side, int) and 0 <= side < 1 << 20 for side in shape)


def write(place: Path, files: Files, parts: Iterable[Part]) -> None:
    """Put a set on the disk. Raises `Failure` where the disk is full after all."""
    unfinished = place.with_suffix(".part")
    for left in (unfinished, place):  # by a process or a machine that was killed
        shutil.rmtree(left, ignore_errors=True)
    shapes: list[list[int]] = []
    broken: list[tuple[str, str]] = []
    try:
        unfinished.mkdir()
        with open(unfinished / "pixels", "wb") as file:
            for part in parts:
                part.pixels.tofile(file)
                shapes += part.shapes.tolist()
                broken += part.broken
        about = {"format": FORMAT, "of": str(files.folder), "shapes": shapes, "broken": broken}
        (unfinished / "index.json").write_text(json.dumps(about))
        unfinished.rename(place)
    except OSError as error:
        raise Failure(
            f"cannot keep decoded images in {home()}: {error.strerror or error}",
            "make room there, or set SPACELANG_CACHE to a folder on a larger disk",
        ) from None
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


class Mapped(NamedTuple):
    """A set: the bytes of its pictures, mapped, their (height, width), and the broken files as (name, reason)."""

    pixels: NDArray[np.uint8]
    shapes: NDArray[np.int64]
    broken: list[tuple[str, str]]


def read(place: Path) -> Mapped:
    """A complete set."""
    about = _index(place)
    os.utime(place / "index.json")
    shapes = np.array(about["shapes"], dtype=np.int64).reshape(-1, 2)
    pixels = np.memmap(place / "pixels", dtype=np.uint8, mode="r") if shapes.any() else np.zeros(0, np.uint8)
    return Mapped(pixels, shapes, [(name, reason) for name, reason in about["broken"]])


def every() -> list[Cached]:
    """All that is kept, the last used first."""
    found = []
    for place in (index.parent for index in home().glob("*/index.json")):
        if complete(place):
            about, size = _index(place), sum(path.stat().st_size for path in place.iterdir())
            used = (place / "index.json").stat().st_mtime
            found.append(Cached(place, f"{len(about['shapes'])} images of {about['of']}", size, used))
    for path in folder().glob("*.images"):
        stat = path.stat()
        found.append(Cached(path, "held-out images, for searches", stat.st_size, max(stat.st_atime, stat.st_mtime)))
    if stats := [path.stat() for path in folder().glob("*.kept")]:
        of = f"exact counts of spaces, {len(stats)} of them"
        found.append(Cached(folder() / "*.kept", of, sum(s.st_size for s in stats), max(s.st_mtime for s in stats)))
    return sorted(found, key=lambda kept: -kept.used)


def clear() -> int:
    """Remove all but what is being decoded, and nothing that does not carry a name of ours; gives how many bytes
    that was. A run that reads a set goes on: what is mapped stays until it ends."""
    freed = 0
    for lock in [*home().glob("*.lock"), *folder().glob("*.lock")]:
        if _NAME.fullmatch(lock.stem):
            with suppress(BlockingIOError), alone(lock, wait=False):
                places = [lock.with_suffix(end) for end in ("", ".part") if lock.parent == home()]
                places += [lock.with_suffix(".images"), *folder().glob(f".{lock.stem}.images.*.part")]
                freed += sum(map(_remove, places))
                lock.unlink()
    for path in folder().glob("*"):
        if _KEPT.fullmatch(path.name):
            freed += _remove(path)
    return freed


def _remove(path: Path) -> int:
    """Take a file or a folder away; gives its size, or 0 where it stays."""
    size = sum(found.stat().st_size for found in (path, *path.rglob("*")) if found.is_file())
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
    return 0 if path.exists() else size


def _index(place: Path) -> Any:
    return parse(read_text(place / "index.json"))
