"""Decoded pictures on the disk, in the user's cache folder; and an account of all that lies there.

    decoded/KEY.json          which set some files lead to
    decoded/SET/pixels        the bytes of all pictures, one after the other
    decoded/SET/index.json    their shapes, the broken files, and what they were decoded from
    decoded/KEY.npz           what lies where in tars and other large files (`index`)
    decoded/KEY.bytes         images out of Parquet files whose groups are too large to be read for one image
    *.kept                    counts and marks of draws of the exact arithmetic (`spacelang.cache`)

A key is quick: a hash of what is made of the pictures and of the files' names, sizes and times of change. None of
them is opened for it. A set is known by its content: the SHA-256 of what is made and of every file's bytes, taken
while they were decoded. So a file that changes, or is touched, leads to another key; and copies of the same files
lead to the same set, which is kept once. A set's folder is written under another name first, so it is whole or not
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
from hashlib import blake2b, sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from spacelang import cache
from spacelang.outside import parse
from spacelang.outside import read as read_text
from spacelang_runtime.data.mapped import mapped
from spacelang_runtime.failure import Failure

if TYPE_CHECKING:
    from spacelang_runtime.data.pictures import Files

FORMAT = "spacelang.decoded/2"
NAME = 24  # characters of a set's digest that it is named by
INDEX = ".npz"  # how the file ends that tells what lies where in large files, see `index`
LAID_OUT = ".bytes"  # and the one that images of such files are laid out in, where they cannot be read in place
ENDS = (".part", ".json", INDEX, LAID_OUT, ".lock")  # of all that belongs to a key
SPARE = 4  # a set may take so small a part of what the disk has left
EARLIER = r"train/[0-9a-f]+|[0-9a-f]+\.images"  # what earlier versions kept: shown and removed, not read
_OURS = re.compile(
    rf"{EARLIER}|train/[0-9a-f]+\.part|(train/)?[0-9a-f]+\.lock|[0-9a-f]+\.kept|\.\w[\w.]*\.part|grammar\.lark-cache"
)
_DIGEST = re.compile(r"[0-9a-f]+")  # of a set, or a key
_ELSEWHERE = "name a folder of your own: SPACELANG_CACHE=FOLDER"


UNREAD = b"unread"  # in place of a digest


class Pixels(NamedTuple):
    """Decoded pictures. pixels: their bytes, one picture behind the other. shapes: [n, 2], height and width, both 0
    where a file was broken. broken: of these, the place in the list of files and the reason."""

    pixels: NDArray[np.uint8]
    shapes: NDArray[np.int64]
    broken: list[tuple[int, str]]


class Chunk(NamedTuple):
    """Some of them. content: SHA-256 over the bytes of each file, in their order, or `UNREAD`."""

    decoded: Pixels
    content: list[bytes]


@frozen
class Cached:
    """One thing on the disk. place: a file, or a folder of several. of: what it is. size: in bytes. used: last
    time, in seconds since 1970."""

    place: Path
    of: str
    size: int
    used: float


def folder() -> Path:
    """Where all that is kept lies. Raises `Failure` where the cache is switched off, or is not ours alone."""
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
    """Where the sets lie."""
    return folder() / "decoded"


def fits(size: int) -> bool:
    """Whether the disk takes so many bytes easily, and lets itself be written. Raises `Failure` where there is no
    cache, and OSError where there can be no such folder."""
    ready()
    home().mkdir(exist_ok=True)
    return os.access(home(), os.W_OK) and SPARE * size <= shutil.disk_usage(home()).free


def takes(size: int) -> bool:
    """The same, where no cache is no error."""
    try:
        return fits(size)
    except (Failure, OSError):
        return False


def key(files: Files, made: str) -> str:
    """What finds the set of some files again. made: what is made of each picture."""
    place = files.encoded.place
    digest = blake2b(f"{FORMAT} {made} {files.most} {place.resolve()}".encode(), digest_size=16)
    for stamp in files.encoded.stamps():
        digest.update(stamp.encode())
    return digest.hexdigest()


@contextmanager
def alone(key: str, wait: bool = True) -> Iterator[None]:
    """Inside, no other process of this host is about the same files: one decodes them, the others wait for it.

    Raises BlockingIOError where it should not wait and another one is.
    """
    with open(home() / f"{key}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def found(key: str) -> Path | None:
    """The folder of the set that a key leads to; None where it is not there, or not whole."""
    try:
        name = parse(read_text(home() / f"{key}.json"))["set"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not isinstance(name, str) or not _DIGEST.fullmatch(name):
        return None
    return home() / name if complete(home() / name) else None


def complete(place: Path) -> bool:
    """Whether a set is there, and whole: a machine that lost its power may have kept half of it."""
    try:
        about = _index(place)
        size = about["channels"] * sum(height * width for height, width in about["shapes"])
        told = isinstance(about["of"], str) and all(_broken(*one) for one in about["broken"])
        return told and all(map(_side, about["shapes"])) and bool((place / "pixels").stat().st_size == size)
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return False


def _side(shape: list[object]) -> bool:
    return all(isinstance(side, int) and 0 <= side < 1 << 20 for side in shape)


def _broken(index: object, reason: object) -> bool:
    return isinstance(index, int) and isinstance(reason, str)


def write(key: str, of: str, made: str, channels: int, chunks: Iterable[Chunk]) -> Path:
    """Put a set on the disk, where no other has the same content, and have the key lead to it.

    of: what it is, for people. made: what was made of each picture, with so many channels. Raises `Failure` where
    the disk is full after all.
    """
    unfinished, readable = home() / f"{key}.part", True
    shutil.rmtree(unfinished, ignore_errors=True)  # by a process or a machine that was killed
    content = sha256(f"{FORMAT} {made}".encode())
    shapes: list[list[int]] = []
    broken: list[tuple[int, str]] = []
    try:
        unfinished.mkdir()
        with open(unfinished / "pixels", "wb") as file:
            for chunk in chunks:
                chunk.decoded.pixels.tofile(file)
                shapes += chunk.decoded.shapes.tolist()
                broken += chunk.decoded.broken
                for one in chunk.content:
                    content.update(one)
                readable &= UNREAD not in chunk.content
        about = {"format": FORMAT, "of": of, "channels": channels, "shapes": shapes, "broken": broken}
        (unfinished / "index.json").write_text(json.dumps(about))
        place = home() / content.hexdigest()[:NAME]
        if readable:  # else the disk may be well again the next time, and then no set is to be found
            # Before the set is there: one that no key leads to may be taken away.
            (home() / f"{key}.json").write_text(json.dumps({"format": FORMAT, "set": place.name}))
        if not complete(place):
            shutil.rmtree(place, ignore_errors=True)
            with suppress(FileExistsError):  # by another process, just now, from copies of these files
                unfinished.rename(place)
    except OSError as error:
        raise Failure(
            f"cannot keep decoded images in {home()}: {error.strerror or error}",
            "make room there, or set SPACELANG_CACHE to a folder on a larger disk",
        ) from None
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return place


def read(place: Path) -> Pixels:
    """A complete set, mapped; what is written to it stays with the process."""
    about = _index(place)
    with suppress(OSError):  # a folder that only others may write
        os.utime(place / "index.json")
    shapes = np.array(about["shapes"], dtype=np.int64).reshape(-1, 2)
    pixels = mapped(place / "pixels") if shapes.any() else np.zeros(0, np.uint8)
    return Pixels(pixels, shapes, [(index, reason) for index, reason in about["broken"]])


def every() -> list[Cached]:
    """All that is kept, the last used first."""
    kept = []
    for place in (index.parent for index in home().glob("*/index.json")):
        if complete(place):
            kept.append(Cached(place, _index(place)["of"], _size(place), (place / "index.json").stat().st_mtime))
    for path in _earlier():
        kept.append(Cached(path, "decoded images of an earlier version", _size(path), path.stat().st_mtime))
    for path in home().glob(f"*{INDEX}"):
        beside = path.with_suffix(LAID_OUT)
        of = "images out of Parquet files" if beside.exists() else "what lies where in tars or Parquet files"
        kept.append(Cached(path, of, _size(path) + _size(beside), path.stat().st_mtime))
    if stats := [path.stat() for path in folder().glob("*.kept")]:
        of = f"exact counts of spaces, {len(stats)} of them"
        kept.append(Cached(folder() / "*.kept", of, sum(s.st_size for s in stats), max(s.st_mtime for s in stats)))
    return sorted(kept, key=lambda one: -one.used)


def clear() -> int:
    """Remove all but what is being decoded or opened, and nothing that does not carry a name of ours; gives how
    many bytes that was. A run that reads a set goes on: what is mapped stays until it ends."""
    freed, busy = 0, set[Path | None]()
    for lock in home().glob("*.lock"):
        if not _DIGEST.fullmatch(lock.stem):
            continue
        try:
            with alone(lock.stem, wait=False):
                freed += sum(_remove(lock.with_suffix(end)) for end in ENDS)
        except BlockingIOError:
            busy.add(found(lock.stem))
    for place in (index.parent for index in home().glob("*/index.json")):
        if place not in busy and _DIGEST.fullmatch(place.name):
            freed += _remove(place)
    for path in (*folder().glob("train/*"), *folder().glob("*")):
        if _OURS.fullmatch(str(path.relative_to(folder()))):
            freed += _remove(path)
    with suppress(OSError):  # not empty, or not there
        (folder() / "train").rmdir()
    return freed


def _earlier() -> list[Path]:
    there = (*folder().glob("train/*"), *folder().glob("*.images"))
    return [path for path in there if re.fullmatch(EARLIER, str(path.relative_to(folder())))]


def _remove(path: Path) -> int:
    """Take a file or a folder away; gives its size, or 0 where it stays."""
    size = _size(path)
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
    return 0 if path.exists() else size


def _size(place: Path) -> int:
    files = place.rglob("*") if place.is_dir() else [place]
    return sum(path.stat().st_size for path in files if path.is_file())


def _index(place: Path) -> Any:
    return parse(read_text(place / "index.json"))
