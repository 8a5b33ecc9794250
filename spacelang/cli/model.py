"""What a command says to a word that was meant to name a model's folder."""

from __future__ import annotations

from pathlib import Path

from spacelang.api.model import require_model
from spacelang.cli.terminal import refused


def is_run(word: str, runs: Path) -> bool:
    """Whether a word is the name of a run, or the folder of one."""
    return any((place / "run.json").is_file() for place in (runs / word, Path(word)))


def no_run(model: str, runs: Path, instead: str = "") -> None:
    """Refuse a run, or a network of one, and say how to make the model's folder. instead: what else a run may be
    good for, after the remedy."""
    with refused():
        require_model(model, runs, instead)
