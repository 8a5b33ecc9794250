"""A found network as the backbone of detection, segmentation or question answering: trained, and measured."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from spacelang_runtime.app.learn import TrainingOptions
from spacelang_runtime.app.train import Resume
from spacelang_runtime.app.watching import Measuring, Say, Watching, silent, watched_by
from spacelang_runtime.app.workers import readers

if TYPE_CHECKING:
    import torch

    from spacelang_runtime.engine.distributed import World
    from spacelang_runtime.engine.run import RunFolder
    from spacelang_runtime.engine.step import Step
    from spacelang_runtime.tasks.task import Figures
    from spacelang_runtime.tasks.transfer.memory import MemoryEstimate
    from spacelang_runtime.tasks.transfer.objective import TransferSetup
    from spacelang_runtime.tasks.transfer.probe import StepTime
    from spacelang_runtime.tasks.transfer.setup import TransferInputs, TransferRequest


@frozen(eq=False)
class TransferBegun:
    """A transfer that has been set up, and the processes that share it."""

    setup: TransferSetup
    world: World
    profile: bool = False


@frozen(eq=False)
class Transferred:
    """A transfer that has come to its end. figures: on the test images, the main one first, each between 0 and 1 or
    None. memory: the most bytes of a GPU's that were in use; None elsewhere."""

    run: RunFolder
    figures: Figures
    memory: int | None = None


@frozen(eq=False)
class TransferDryRun:
    """What a training would be. memory: an estimate, for `at_once` images at a time of the `own` of a step that a
    process takes. step_time: of a step, of which some were made."""

    opened: TransferInputs
    memory: MemoryEstimate
    step_time: StepTime
    at_once: int
    own: int
    device: torch.device
    processes: int

    @property
    def seconds(self) -> float:
        """What the steps would take; test images are not measured in that time."""
        limits = self.opened.limits
        whole = limits.steps * self.step_time.seconds
        return whole if limits.budget is None else min(whole, limits.budget)


def transfer(
    asked: TransferRequest | Resume,
    runs: Path,
    options: TrainingOptions = TrainingOptions(),
    looking: Watching[Path, Measuring] = watched_by(silent),
    watching: Watching[TransferBegun, Step | Measuring | Transferred] = watched_by(silent),
    say: Say = silent,
) -> Transferred | None:
    """Train what is asked for, and measure it; a new run is a folder in `runs`. None in a process that only helped.

    looking: watches the first look at all data. Where torchrun has started its processes again after one has died,
    the run that they had begun goes on. Raises `Failure` for what cannot be trained, and at once where another
    process writes the run.
    """
    from spacelang_runtime.engine.distributed import join
    from spacelang_runtime.engine.lock import sole_writer
    from spacelang_runtime.engine.resume import restarted
    from spacelang_runtime.tasks.transfer.run import TASKS
    from spacelang_runtime.tasks.transfer.setup import new, resumed

    again = asked if isinstance(asked, Resume) else None
    workers = readers(options.workers)
    with sole_writer(again.run.folder) if again else nullcontext(), join(options.device) as world:
        tell = say if world.is_main else silent
        if again is not None:
            setup = resumed(again.run, world, workers, again.steps, again.budget, again.micro, again.data, tell)
            return _learned(setup, world, options, watching, tell)
        run = restarted(runs, world, tell, TASKS)
        if run is not None and run.checkpoint.exists():
            setup = resumed(run, world, workers, asked.steps, asked.budget, say=tell)
            return _learned(setup, world, options, watching, tell)
        made = _looked(asked, world, workers, looking, tell)
        for line in made.looked.summary():
            tell(line)
        return _learned(new(made, runs, world, workers), world, options, watching, tell)


def dry_run_of(
    request: TransferRequest,
    options: TrainingOptions = TrainingOptions(),
    looking: Watching[Path, Measuring] = watched_by(silent),
    say: Say = silent,
) -> TransferDryRun | None:
    """What a training would be, of which nothing is kept. None in a process that only helped."""
    from spacelang_runtime.engine.distributed import join, require_shares
    from spacelang_runtime.tasks.transfer.memory import estimate
    from spacelang_runtime.tasks.transfer.probe import step_time
    from spacelang_runtime.tasks.transfer.setup import forgotten

    with join(options.device) as world:
        tell = say if world.is_main else silent
        workers = readers(options.workers)
        made = _looked(request, world, workers, looking, tell)
        train, architecture = request.recipe.train, made.network.architecture
        require_shares(train.batch, world)
        own = train.batch // world.size
        at_once = min(own, train.micro) if train.micro else own
        memory = estimate(made.task, architecture, request.recipe, made.data.labels, at_once, world.device)
        timed = step_time(forgotten(made, world, workers), world, tell)
        return (
            TransferDryRun(made, memory, timed, at_once, own, world.device, world.size) if world.is_main else None
        )


def measure(
    folder: Path,
    run: RunFolder | None,
    data: Path | None = None,
    multi_scale: bool = False,
    options: TrainingOptions = TrainingOptions(),
    watching: Watching[Path, Measuring] = watched_by(silent),
    say: Say = silent,
) -> Figures | None:
    """The figures of a trained model on the test images of its run's data, or of another folder. None in a process
    that only helped.

    folder: of the model. run: that it comes from, where it is known. data: instead of the run's.
    """
    from spacelang_runtime.data.skipped import Skipped
    from spacelang_runtime.engine.distributed import join
    from spacelang_runtime.tasks.look import looked
    from spacelang_runtime.tasks.registry import task
    from spacelang_runtime.tasks.task import silent as unseen
    from spacelang_runtime.tasks.transfer.model import load
    from spacelang_runtime.tasks.transfer.setup import data_of

    workers = readers(options.workers)
    with join(options.device) as world:
        trained = load(folder, world.device)
        chosen = task(trained.recipe.task)
        tell = say if world.is_main else silent
        if run is not None and data is None:
            whole = data_of(run, world, workers, None, tell)
        else:
            whole = looked(chosen.open(data, trained.recipe, trained.labels, None), data, world, workers, unseen)
        for line in whole.left_out():
            tell(line)
        with watching(folder) as watch:

            def show(share: float, said: str) -> None:
                watch(Measuring(share, said))

            seen = show if world.is_main else unseen
            how = (world, workers, seen, multi_scale, Skipped(tell))
            figures = chosen.measure(trained.model, whole.data, trained.recipe, *how)
        return figures if world.is_main else None


def _looked(
    request: TransferRequest, world: World, workers: int, looking: Watching[Path, Measuring], say: Say
) -> TransferInputs:
    from spacelang_runtime.tasks.task import silent as unseen
    from spacelang_runtime.tasks.transfer.setup import opened

    with looking(request.data) as watch:

        def show(share: float, said: str) -> None:
            watch(Measuring(share, said))

        made = opened(request, world, workers, show if world.is_main else unseen)
    if request.recipe.task == "vqa" and request.bert is None:
        say("no --bert FOLDER: the transformer begins with random weights, its words are those of the data")
    return made


def _learned(
    setup: TransferSetup,
    world: World,
    options: TrainingOptions,
    watching: Watching[TransferBegun, Step | Measuring | Transferred],
    say: Say,
) -> Transferred | None:
    import torch

    from spacelang_runtime.engine.train import train
    from spacelang_runtime.tasks.task import silent as unseen
    from spacelang_runtime.tasks.transfer.objective import training

    if not world.is_main:
        train(training(setup, unseen), world, silent, profile=options.profile)
        return None
    with watching(TransferBegun(setup, world, options.profile)) as watch:

        def measuring(share: float, said: str) -> None:
            watch(Measuring(share, said))

        figures = train(training(setup, measuring, say), world, watch, profile=options.profile).figures
        memory = torch.cuda.max_memory_allocated(world.device) if world.device.type == "cuda" else None
        done = Transferred(setup.run, figures, memory)
        watch(done)
    return done
