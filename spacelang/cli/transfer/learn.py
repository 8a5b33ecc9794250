"""`spacelang transfer`: a training while it goes on, and what one would be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from spacelang.amount import clock, counted, short, short_clock, spaced
from spacelang.cli.terminal import grid_of_figures, say
from spacelang.cli.training import say_of
from spacelang.cli.watch import Show, progress
from spacelang.runs import called

if TYPE_CHECKING:
    from spacelang_runtime.app.transfer import TransferBegun, TransferDryRun, Transferred
    from spacelang_runtime.app.watching import Measuring
    from spacelang_runtime.engine.step import Step


def looking(title: str) -> Callable[[Path], AbstractContextManager[Callable[[Measuring], None]]]:
    """What shows a look at data, or a measurement, under a title."""

    @contextmanager
    def looked(_: Path) -> Iterator[Callable[[Measuring], None]]:
        with progress(title) as show:
            yield lambda at: show(at.share, at.said)

    return looked


@contextmanager
def watching(begun: TransferBegun) -> Iterator[Callable[[Step | Measuring | Transferred], None]]:
    """What shows a training."""
    from spacelang_runtime.app.transfer import Transferred
    from spacelang_runtime.app.watching import Measuring

    setup, world = begun.setup, begun.world
    run, limits = setup.run, setup.limits
    many = f" ×{world.size}" if world.size > 1 else ""
    steps = counted(limits.steps, "step", spaced)
    until = f" or {clock(limits.budget)}" if limits.budget is not None else ""
    say(f"run {run.name}: {setup.recipe.name}, {steps}{until}; {world.device}{many}")
    done, ended = 0.0, []
    with progress(f"transfer {run.name}") as show:

        def watch(seen: Step | Measuring | Transferred) -> None:
            nonlocal done
            match seen:
                case Transferred():
                    ended.append(seen)
                case Measuring(share, said):
                    show(min(done, 0.999), f"measuring {share:.0%}  {said}")
                case step:
                    done = step.progress
                    _show_step(step, show)

        yield watch
    for one in ended:
        trace = f"; trace in {run.trace}" if begun.profile else ""
        say(f"trained {run.name}{_peak(one)}{trace}")
        grid_of_figures(one.figures)
        asked = ' --question "…"' if setup.task.name == "vqa" else ""
        say(
            f"next: spacelang transfer {setup.task.name} {called(run.folder)} --predict photo.jpg{asked} -o out.png"
        )


def _show_step(step: Step, show: Show) -> None:
    total = sum(step.losses.values())
    few = step.losses if len(step.losses) < 4 else {}
    words = [
        f"step {step.step}",
        f"loss {total:.3f}",
        *(f"{name} {loss:.3f}" for name, loss in few.items()),
    ]
    words.append(f"{step.images:.0f}/s" if step.images >= 10 else f"{step.images:.1f}/s")
    words.append(f"{clock(step.left)} left")
    if step.waiting > 0.05:
        words.append(f"waiting for data {step.waiting:.0%}")
    show(step.progress, "  ".join(words))
    say_of(step)


def _peak(done: Transferred) -> str:
    if done.memory is None:
        return ""
    return f"; at most {done.memory / 2**30:.1f} GiB of the GPU's memory"


def _epochs(count: float) -> str:
    return spaced(round(count)) if count >= 100 else f"{count:.3g}"


def show_dry_run(dry_run: TransferDryRun) -> None:
    """Print what a training would be."""
    from spacelang_runtime.tasks.transfer.schedule import rate_of

    made, memory = dry_run.opened, dry_run.memory
    request, limits, train = made.request, made.limits, made.request.recipe.train
    architecture = made.network.architecture
    rate, per_epoch = rate_of(train, made.data.per_epoch), made.data.per_epoch
    print(f"recipe    {request.recipe.name}: transfer {request.recipe.task}")
    weights = "random weights" if request.random else f"weights of {request.model}"
    print(f"network   {architecture.name}, {weights}")
    still = ", which stays as it is" if train.backbone_learning_rate == 0 else ""
    print(f"model     {short(memory.params)} params, {short(memory.backbone)} of them in the backbone{still}")
    for number, line in enumerate(made.looked.summary()):
        print(f"{'data' if not number else '':<10}{line}")
    epochs = counted(limits.steps / per_epoch, "epoch", _epochs)
    steps = counted(limits.steps, "step", spaced)
    print(
        f"schedule  {steps} of {train.batch} ({spaced(per_epoch)} an epoch: {epochs})"
        + (f", at most {clock(limits.budget)}" if limits.budget else "")
    )
    points = sorted({0.0, rate.warmup, *rate.steps, 0.5, 0.75} - {1.0})
    for point in points:
        step = min(limits.steps - 1, round(point * limits.steps)) + 1
        factor = rate.factor(step / limits.steps)
        slow = train.learning_rate if train.backbone_learning_rate is None else train.backbone_learning_rate
        apart = "" if slow in (0, train.learning_rate) else f", of the backbone {slow * factor:.2e}"
        print(f"          step {spaced(step)}: learning rate {train.learning_rate * factor:.2e}{apart}")
    unit = "texts" if request.recipe.task == "vqa" else "images"
    many = f" ×{dry_run.processes}" if dry_run.processes > 1 else ""
    by = (
        "some that were made"
        if dry_run.step_time.images >= dry_run.own
        else f"steps of {dry_run.step_time.images} {unit}"
    )
    step_time = f"{short_clock(dry_run.step_time.seconds)} a step on {dry_run.device}{many}"
    print(f"time      about {clock(dry_run.seconds)}: {step_time}, by {by}")
    print("          an estimate of the steps alone: looking at the data and measuring come to it")
    print(
        f"memory    about {memory.total / 2**30:.1f} GiB a device ({dry_run.device.type}): "
        f"{memory.states / 2**30:.1f} for weights, gradients and moments, "
        f"{memory.kept / 2**30:.1f} for {dry_run.at_once} at a time"
        + (f" of {dry_run.own}" if dry_run.at_once < dry_run.own else "")
    )
