"""What a command says to a word that was meant to name a model's folder."""

from __future__ import annotations

from pathlib import Path

from spacelang.cli.terminal import fail
from spacelang.runs import called


def is_run(word: str, runs: Path) -> bool:
    """Whether a word is the name of a run, or the folder of one."""
    return any((place / "run.json").is_file() for place in (runs / word, Path(word)))


def no_run(model: str, runs: Path, instead: str = "") -> None:
    """Refuse a run, or a network of one, before torch and data are loaded, and say how to make the model's folder.
    instead: what else a run may be good for, after the remedy."""
    from spacelang_runtime.engine.record import OF_SPACES
    from spacelang_runtime.engine.run import open_run
    from spacelang_runtime.search.target import OF_A_RUN

    folder = Path(model)
    if (folder / "config.json").is_file():
        return
    if model in OF_A_RUN:
        fail(f"{model} is a network of a run, and no model's folder", f"first: spacelang export {model} -o model/")
    for place in (runs / model, folder):
        run = open_run(place)
        if run is not None and run.record.task not in OF_SPACES:
            fail(f"{model} is a trained transfer", "ask it by spacelang transfer: --eval, --predict, --resume")
        if run is not None:
            first = f"first: spacelang export best --run {called(place)} -o model/"
            fail(f"{model} is a run, and no model's folder", first + instead)
