"""Where runs lie, and how a command names one."""

from __future__ import annotations

import shlex
from pathlib import Path

RUNS = Path("runs")  # unless a command says otherwise


def called(folder: Path) -> str:
    """A run by its folder, as the words of a command: `mini-1`, or `mini-1 --runs elsewhere`."""
    words = [folder.name] if folder.parent == RUNS else [folder.name, "--runs", str(folder.parent)]
    return shlex.join(words)
