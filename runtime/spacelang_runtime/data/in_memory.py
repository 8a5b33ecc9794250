"""Decode a split once, and keep it where that helps.

**Where.** What takes little time to decode again (`SMALL`) lies in the memory of the process. More lies in a file
that is mapped, in `cache.home()`: all processes of a host share one copy of it in the memory that the system keeps
for files, and the next run finds it decoded. What would not fit into a quarter of the free memory is decoded again
whenever it is needed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
from attrs import frozen

from spacelang_runtime.data import cache
from spacelang_runtime.data.decode import Broken
from spacelang_runtime.data.pictures import CHUNK, Files, Held
from spacelang_runtime.data.workers import worked

CGROUP = Path("/sys/fs/cgroup")
SMALL = 2**26  # bytes: decoded by one core in about a second
TOLD = 10.0  # seconds between two words on how far decoding has come

Say = Callable[[str], None]
Skip = Callable[[str, str], None]


def room() -> int:
    """Bytes that a split's decoded images may take on this host: a quarter of the memory that is free now."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):  # not Linux
        free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    with suppress(OSError, ValueError):  # a container may have less; its limit is a number, or "max"
        limit, used = (int((CGROUP / name).read_text()) for name in ("memory.max", "memory.current"))
        free = min(free, max(0, limit - used))
    return free // 4


def neighbours() -> int:
    """How many processes torchrun has started on this host."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def preload(files: Files, space: int, workers: int, skip: Skip, say: Say) -> Files | Held:
    """The files decoded, or the files themselves if that takes more than `space` bytes of this host's memory.

    skip: told the name and the reason of each broken file.
    """
    size = files.decoded_bytes()
    if size > space:
        return files
    amount = f"{len(files)} decoded training images"
    if size > SMALL and cache.fits(size):
        place = cache.place(files)
        with cache.alone(place):
            if not cache.complete(place):
                say(f"keeping {amount} ({size / 2**30:.1f} GiB) in {place}; spacelang cache --clear removes them")
                cache.write(place, files, reported(decoded(files, workers), len(files), say))
            pixels, shapes, broken = cache.read(place)
        for name, reason in broken:
            skip(name, reason)
        return Held(files, pixels, shapes)
    if size * neighbours() > space:
        return files
    say(f"keeping {amount} in memory ({size / 2**20:.0f} MiB)")
    parts = list(decoded(files, workers))
    for part in parts:
        for name, reason in part.broken:
            skip(name, reason)
    shapes = np.concatenate([part.shapes for part in parts])
    return Held(files, np.concatenate([part.pixels for part in parts]), shapes)


class Decoded(NamedTuple):
    """A chunk of pictures: their bytes, their (height, width), and the broken ones as (name, reason)."""

    pixels: np.ndarray
    shapes: np.ndarray
    broken: list[tuple[str, str]]


@frozen
class Chunks:
    """Decodes the chunk of that number."""

    files: Files

    def __call__(self, chunk: int) -> Decoded:
        pixels, shapes, broken = [], [], []
        for index in range(chunk * CHUNK, min((chunk + 1) * CHUNK, len(self.files))):
            try:
                picture = np.asarray(self.files.read(index))
            except Broken as error:
                broken.append((error.name, error.reason))
                picture = np.zeros((0, 0, 3), dtype=np.uint8)
            pixels.append(picture.reshape(-1))
            shapes.append(picture.shape[:2])
        return Decoded(np.concatenate(pixels), np.array(shapes), broken)


def decoded(files: Files, workers: int) -> Iterator[Decoded]:
    """All files, in chunks, in their order."""
    return worked(Chunks(files), range(-(-len(files) // CHUNK)), workers)


def reported(parts: Iterator[Decoded], count: int, say: Say) -> Iterator[Decoded]:
    """The same parts, and a word now and then on how many of `count` pictures they have been."""
    seen, last = 0, time.monotonic()
    for part in parts:
        yield part
        seen += len(part.shapes)
        if time.monotonic() - last > TOLD:
            last = time.monotonic()
            say(f"decoded {seen} of {count} images")
