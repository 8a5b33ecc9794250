"""Whether others use the machine while something is timed on it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

MOST = 0.1  # of one core, over the whole time, that others may take: beyond it timings are no longer its own

_STAT = Path("/proc/stat")


def watch() -> Callable[[], float | None]:
    """Begin to watch; gives what tells how many cores others have kept busy since, on average.

    None where the system does not tell (/proc/stat, Linux). This process and its children that have ended are not
    others.
    """
    before = _busy()
    if before is None:
        return lambda: None
    own, began = _own(), time.monotonic()

    def others() -> float | None:
        after = _busy()
        passed = time.monotonic() - began
        if after is None or passed <= 0:
            return None
        return max(0.0, (after - before) - (_own() - own)) / passed

    return others


def _own() -> float:
    """Seconds of this process and of its children that have ended."""
    return sum(os.times()[:4])


def _busy() -> float | None:
    """Seconds that all cores together have worked, for whomever, what a host took from this machine included."""
    try:
        words = _STAT.read_text().split("\n", 1)[0].split()
    except OSError:
        return None
    user, nice, system, _, _, hard, soft, steal = map(int, words[1:9])
    return (user + nice + system + hard + soft + steal) / os.sysconf("SC_CLK_TCK")
