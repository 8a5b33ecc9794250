"""Where runs lie, and how a command names one."""

from __future__ import annotations

import shlex
from pathlib import Path

RUNS = Path("runs")  # unless a command says otherwise
AGAIN = "give the same command again to go on"


def resuming(folder: Path, alone: bool, output: Path = Path("tuned")) -> str:
    """The command that goes on with the training of a run. alone: whether it trains one network, which is then
    written to the folder `output`."""
    if alone:
        return f"spacelang finetune {called(folder)} --resume -o {shlex.quote(str(output))}"
    return f"spacelang train --resume {called(folder)}"


def called(folder: Path) -> str:
    """A run by its folder, as the words of a command: `mini-1`, or `mini-1 --runs elsewhere`."""
    words = [folder.name] if folder.parent == RUNS else [folder.name, "--runs", str(folder.parent)]
    return shlex.join(words)
