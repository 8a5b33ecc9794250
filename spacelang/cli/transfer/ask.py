"""`spacelang transfer`: measuring a trained model, and asking it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from spacelang.api.open_transfer import require_trained
from spacelang.cli.terminal import fail, grid_of_figures, refused, say, say_once
from spacelang.cli.transfer.learn import looking
from spacelang.runs import called

if TYPE_CHECKING:
    from spacelang_runtime.engine.run import RunFolder


def measure(
    task: str,
    name: str | None,
    data: Path | None,
    multi_scale: bool,
    as_json: bool,
    device: str,
    workers: int | None,
    runs: Path,
) -> None:
    """The figures of a trained model on the test images of its run's data, or of another folder."""
    from spacelang_runtime.engine.run import open_run

    folder = _model(task, name, runs)
    run = open_run(folder.parent)
    if data is None and run is None:
        fail(f"which images is {folder} to be measured on?", "name them: --data FOLDER")

    from spacelang_runtime.app.learn import TrainingOptions
    from spacelang_runtime.app.transfer import measure as measure_

    shown = looking(f"measure {name or folder}")
    if data is None and run is not None and _goes_on(run):
        say_once(f"{run.name} has not ended; if it was stopped: {_again(task, run)}")
    figures = measure_(folder, run, data, multi_scale, TrainingOptions(device, workers), shown, say)
    if figures is None:  # of a process that only helps
        return
    if as_json:
        print(json.dumps(figures, indent=2))
    else:
        grid_of_figures(figures)


def answer(task: str, name: str | None, photo: Path, question: str, output: Path, device: str, runs: Path) -> None:
    """Draw what a trained model says of a photo."""
    folder = _model(task, name, runs)
    from spacelang_runtime.app.answer import answer as answer_

    with refused():
        print(answer_(folder, photo, question, output, device, say).said)
    say(f"drawn: {output}")


def _model(task: str, name: str | None, runs: Path) -> Path:
    """The folder of a trained model: of a run, or by itself."""
    from spacelang_runtime.engine.latest import transferring
    from spacelang_runtime.engine.run import open_run

    if name is not None and (Path(name) / "config.json").is_file() and open_run(Path(name)) is None:
        folder = Path(name)
        of = _task_of(folder)
        if of != task:
            fail(
                f"{folder} is a model of transfer {of}" if of else f"{folder} is no model of transfer",
                f"give the same command with transfer {of}" if of else "train it first, with --data and --recipe",
            )
        return folder
    run = transferring(runs, name, (task,), "model", say_once)
    with refused():
        require_trained(run)
    model: Path = run.model
    return model


def _again(task: str, run: RunFolder) -> str:
    return f"spacelang transfer {task} {called(run.folder)} --resume"


def _goes_on(run: RunFolder) -> bool:
    """Whether there is something left to do for a run, be it only its last measurement."""
    from spacelang_runtime.tasks.transfer.run import measured

    ended = run.state is not None and run.state.finished and measured(run) == run.state.step
    return run.checkpoint.exists() and not ended


def _task_of(folder: Path) -> str:
    try:
        kept = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return str(kept["recipe"]["task"])
    except (ValueError, KeyError, TypeError, OSError):
        return ""
