"""Decode the training images once, and keep them where that helps.

**Where.** What takes little time to decode again (`SMALL`) lies in the memory of the process. More lies in a file
of the cache that is mapped: all processes of a host share one copy of it in the memory that the system keeps for
files, and the next run finds it decoded. What would not fit into a quarter of the free memory is decoded again
whenever it is needed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from spacelang_runtime.data import cache
from spacelang_runtime.data.cache import Pixels
from spacelang_runtime.data.chunks import gathered, kept
from spacelang_runtime.data.frame import Unframed
from spacelang_runtime.data.pictures import Files, Held
from spacelang_runtime.data.workers import neighbours

CGROUP = Path("/sys/fs/cgroup")
SMALL = 2**26  # bytes: decoded by one core in about a second

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


def preload(files: Files, space: int, workers: int, skip: Skip, say: Say) -> Files | Held:
    """The files decoded, or the files themselves if that takes more than `space` bytes of this host's memory.

    skip: told the name and the reason of each broken file.
    """
    size = files.decoded_bytes()
    if size > space:
        return files
    amount = f"{len(files)} decoded training images"
    if size > SMALL and cache.takes(size):
        where = f"({size / 2**30:.1f} GiB) in {cache.home()}; spacelang cache --clear removes them"
        return _held(files, kept(files, Unframed(), workers, f"keeping {amount} {where}", say), skip)
    if size * neighbours() > space:
        return files
    say(f"keeping {amount} in memory ({size / 2**20:.0f} MiB)")
    return _held(files, gathered(files, Unframed(), workers), skip)


def _held(files: Files, decoded: Pixels, skip: Skip) -> Held:
    for index, reason in decoded.broken:
        skip(files.name(index), reason)
    return Held(files, decoded.pixels, decoded.shapes)
