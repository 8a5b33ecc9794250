"""What a command says to a word that was meant to name a model's folder."""

from __future__ import annotations

from pathlib import Path

from spacelang.cli.terminal import fail
from spacelang.runs import called


def no_run(model: str, runs: Path, instead: str = "") -> None:
    """Refuse a run, or a network of one, before torch and data are loaded, and say how to make the model's folder.
    instead: what else a run may be good for, after the remedy."""
    from spacelang_runtime.search.target import OF_A_RUN
    from spacelang_runtime.tasks.transfer.run import RECORD

    folder = Path(model)
    if (folder / "config.json").is_file():
        return
    if model in OF_A_RUN:
        fail(f"{model} is a network of a run, and no model's folder", f"first: spacelang export {model} -o model/")
    for run in (runs / model, folder):
        if (run / RECORD).is_file():
            fail(f"{model} is a trained transfer", "ask it by spacelang transfer: --eval, --predict, --resume")
        if (run / "run.json").is_file():
            first = f"first: spacelang export best --run {called(run)} -o model/"
            fail(f"{model} is a run, and no model's folder", first + instead)
