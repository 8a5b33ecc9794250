"""Decode a split once, and keep it."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
from attrs import frozen

from spacelang_runtime.data.decode import Broken
from spacelang_runtime.data.pictures import CHUNK, Files, Held
from spacelang_runtime.data.work import worked

CGROUP = Path("/sys/fs/cgroup")


def room() -> int:
    """Bytes that a split's decoded images may take in this process: a quarter of the memory that is free now,
    shared by the processes that torchrun started on this host."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):  # not Linux
        free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    with suppress(OSError, ValueError):  # a container may have less; its limit is a number, or "max"
        limit, used = (int((CGROUP / name).read_text()) for name in ("memory.max", "memory.current"))
        free = min(free, max(0, limit - used))
    return free // 4 // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


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


def hold(files: Files, space: int, workers: int, skip: Callable[[str, str], None]) -> Files | Held:
    """The files decoded into memory, or the files themselves if that takes more than `space` bytes.

    skip: told the name and the reason of each broken file.
    """
    pixels, shapes, starts = [], [], []
    for decoded in worked(Chunks(files), range(-(-len(files) // CHUNK)), workers):
        for name, reason in decoded.broken:
            skip(name, reason)
        ends = np.cumsum(3 * decoded.shapes.prod(1))
        starts.append(np.concatenate([[0], ends[:-1]]))
        shapes.append(decoded.shapes)
        pixels.append(decoded.pixels)
        space -= decoded.pixels.nbytes
        if space < 0:
            return files
    return Held(files, tuple(pixels), np.concatenate(starts), np.concatenate(shapes))
