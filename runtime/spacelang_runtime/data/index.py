"""What lies where in large files, read once and kept in the user's cache: arrays in one file, `KEY.npz`."""

from __future__ import annotations

import fcntl
import os
import zipfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spacelang_runtime.data import cache
from spacelang_runtime.data.encoded import stamp

FORMAT = "spacelang.index/1"

Arrays = dict[str, NDArray[np.generic]]


def key(kind: str, paths: Iterable[Path]) -> str:
    """What finds the index of some files again: their names, sizes and times of change."""
    digest = blake2b(f"{FORMAT} {kind}\n".encode(), digest_size=16)
    for path in paths:
        digest.update(stamp(path).encode())
    return digest.hexdigest()


def indexed(key: str, make: Callable[[], Arrays], beside: Path | None = None) -> Arrays:
    """The arrays of a key: those that an earlier process has kept, else made now and kept where there is a cache.
    One process of a host makes them, the others wait for it. beside: a file that is made with them, without which
    they are worth nothing."""
    if not cache.takes(0):
        return make()
    path = cache.home() / f"{key}{cache.INDEX}"
    if (found := _read(path, beside)) is not None:
        return found
    with cache.alone(key):
        if (found := _read(path, beside)) is not None:  # by the one who was waited for
            return found
        made = make()
        unfinished = path.with_suffix(".part")
        with suppress(OSError):  # it is made again the next time
            with open(unfinished, "wb") as file:
                np.savez(file, **made)
            unfinished.replace(path)
        return made


def _read(path: Path, beside: Path | None) -> Arrays | None:
    if beside is not None and not beside.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


_HELD: dict[Path, int] = {}  # locks that the process keeps to its end


def hold(path: Path) -> None:
    """Keep a file of a key from being cleared away as long as this process lives."""
    if path not in _HELD:
        _HELD[path] = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(_HELD[path], fcntl.LOCK_SH)


def texts(lines: Iterable[str]) -> NDArray[np.generic]:
    """Lines as an array that can be kept among others."""
    return np.array(["", *lines])


def lines(kept: NDArray[np.generic]) -> list[str]:
    """The lines that were kept so."""
    return [str(line) for line in kept.tolist()[1:]]
