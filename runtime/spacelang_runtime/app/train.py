"""The supernet of a space trained; or a training gone on with."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from spacelang_runtime.app.learn import Begun, TrainingOptions, TrainingSummary, learn
from spacelang_runtime.app.watching import Say, Watching, silent, watched_by
from spacelang_runtime.app.workers import readers

if TYPE_CHECKING:
    from spacelang_runtime.engine.run import RunFolder
    from spacelang_runtime.engine.step import Step
    from spacelang_runtime.tasks.supernet.setup import TrainRequest


@frozen(eq=False)
class Resume:
    """A run to go on with, exactly where it stopped. steps, budget (seconds): limits counted from its beginning,
    where its own are not meant. micro: images that a process takes at a time (0: as it had). data: where its data
    is now; None: where it was."""

    run: RunFolder
    steps: int | None = None
    budget: float | None = None
    micro: int = 0
    data: str | None = None


def train(
    asked: TrainRequest | Resume,
    runs: Path,
    options: TrainingOptions = TrainingOptions(),
    watching: Watching[Begun, Step | TrainingSummary] = watched_by(silent),
    say: Say = silent,
) -> TrainingSummary:
    """Train what is asked for; a new run is a folder in `runs`.

    Where torchrun has started its processes again after one has died, the run that they had begun goes on. Raises
    `Failure` for what cannot be trained, and at once where another process writes the run.
    """
    from spacelang_runtime.engine.distributed import join
    from spacelang_runtime.engine.lock import sole_writer
    from spacelang_runtime.engine.resume import restarted
    from spacelang_runtime.tasks.supernet.setup import continued, new, resumed

    again = asked if isinstance(asked, Resume) else None
    with sole_writer(again.run.folder) if again else nullcontext(), join(options.device) as world:
        tell = say if world.is_main else silent
        run = restarted(runs, world, tell)
        how = (world, readers(options.workers), tell, asked.steps, asked.budget, asked.micro)
        if run is not None:
            setup = continued(run, *how, begun=False)
        elif again is not None:
            setup = resumed(again.run, *how, again.data)
        else:
            setup = new(asked, runs, world, readers(options.workers), tell)
        return learn(setup, world, options, watching)
