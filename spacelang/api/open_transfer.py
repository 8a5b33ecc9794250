"""A transfer that has been trained before, opened again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from spacelang.api.trained import Say, silent
from spacelang.api.transfer import Transfer, TransferTask, require_libraries
from spacelang.runs import called
from spacelang_runtime.failure import Failure

if TYPE_CHECKING:
    from spacelang_runtime.engine.run import RunFolder


def open_transfer(
    name: str | os.PathLike[str] | None = None,
    runs: str | os.PathLike[str] = "runs",
    *,
    task: TransferTask | None = None,
    say: Say = silent,
) -> Transfer:
    """The transfer of a name, or of a folder; where none is named, the latest in `runs` that has a model.

    Its `figures` are those that were measured last of its model; none, where that is still to be done
    (`evaluate()`).

    Args:
        name: of a run in `runs`, or its folder, or the folder `model/` in it.
        runs: the folder of all runs.
        task: which transfers are meant: `detect`, `segment` or `vqa`; None: all.
        say: told of the runs that are passed over.

    Raises:
        Failure: where there is none, and where the extra `transfer` is not installed.
    """
    from spacelang_runtime.engine.latest import transferring
    from spacelang_runtime.tasks.transfer.run import TASKS, figures_of, measured

    require_libraries()
    run = transferring(Path(runs), _run_of(name), TASKS if task is None else (task,), "model", say)
    require_trained(run)
    step = measured(run)
    return Transfer(run, (None if step is None else figures_of(run, step)) or {})


def require_trained(run: RunFolder) -> None:
    """Refuse a transfer that has kept no model yet."""
    if not (run.model / "config.json").is_file():
        raise Failure(
            f"{run.name} has no model yet: its training was stopped before the first measurement",
            f"go on with: spacelang transfer {run.record.task} {called(run.folder)} --resume",
        )


def _run_of(name: str | os.PathLike[str] | None) -> str | None:
    """The word for a run; of the folder `model/` in one, the run's."""
    from spacelang_runtime.engine.run import open_run

    if name is None:
        return None
    folder = Path(name)
    inside = folder.name == "model" and (folder / "config.json").is_file() and open_run(folder.parent) is not None
    return str(folder.parent) if inside else str(name)
