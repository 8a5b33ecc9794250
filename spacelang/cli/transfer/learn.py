"""`spacelang transfer`: training, and looking ahead."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from spacelang.amount import clock, short, spaced
from spacelang.cli.terminal import grid_of_figures, say, say_once
from spacelang.cli.train import readers, say_of, speaker
from spacelang.cli.watch import progress
from spacelang.runs import called

if TYPE_CHECKING:
    from spacelang_runtime.engine.distributed import World
    from spacelang_runtime.engine.step import Step
    from spacelang_runtime.tasks.transfer.objective import TransferSetup
    from spacelang_runtime.tasks.transfer.start import Opened, TransferRequest


def begin(
    request: TransferRequest, dry_run: bool, device: str, workers: int | None, profile: bool, runs: Path
) -> None:
    """A new run, or what it would be."""
    from spacelang_runtime.engine.distributed import join
    from spacelang_runtime.engine.start import restarted
    from spacelang_runtime.tasks.task import silent
    from spacelang_runtime.tasks.transfer.run import TASKS
    from spacelang_runtime.tasks.transfer.start import new, opened, resumed

    with join(device) as world:
        run = restarted(runs, world, speaker(world), TASKS)
        if run is not None and run.checkpoint.exists():
            setup = resumed(run, world, readers(workers), request.steps, request.budget, say=speaker(world))
            _train(setup, world, profile)
            return
        with progress(f"look at {request.data}") as show:
            made = opened(request, world, readers(workers), show if world.is_main else silent)
        if request.recipe.task == "vqa" and request.bert is None and world.is_main:
            say("no --bert FOLDER: the transformer begins with random weights, its words are those of the data")
        if dry_run:
            if world.is_main:
                _ahead(made, world)
            return
        if world.is_main:
            for line in made.looked.summary():
                say(line)
        _train(new(made, runs, world, readers(workers)), world, profile)


def go_on(
    task: str,
    name: str | None,
    steps: int | None,
    budget: float | None,
    micro: int,
    device: str,
    workers: int | None,
    profile: bool,
    runs: Path,
    data: str | None,
) -> None:
    """A run that goes on. data: where its data is now; None: where it was."""
    from spacelang_runtime.engine.distributed import join
    from spacelang_runtime.engine.latest import transferring
    from spacelang_runtime.engine.lock import sole_writer
    from spacelang_runtime.tasks.transfer.start import resumed

    run = transferring(runs, name, task, "checkpoint", say_once)
    with sole_writer(run.folder), join(device) as world:
        setup = resumed(run, world, readers(workers), steps, budget, micro, data, speaker(world))
        _train(setup, world, profile)


def _train(setup: TransferSetup, world: World, profile: bool) -> None:
    from spacelang_runtime.engine.train import train
    from spacelang_runtime.tasks.transfer.objective import training

    run, limits = setup.run, setup.limits
    if not world.is_main:
        train(training(setup, lambda *_: None), world, lambda _: None, profile=profile)
        return
    many = f" ×{world.size}" if world.size > 1 else ""
    steps = f"{spaced(limits.steps)} step" + ("" if limits.steps == 1 else "s")
    until = f" or {clock(limits.budget)}" if limits.budget is not None else ""
    say(f"run {run.name}: {setup.recipe.name}, {steps}{until}; {world.device}{many}")
    done = 0.0
    with progress(f"transfer {run.name}") as show:

        def watch(step: Step) -> None:
            nonlocal done
            done, total = step.progress, sum(step.losses.values())
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
            show(done, "  ".join(words))
            say_of(step)

        def measuring(share: float, said: str) -> None:
            show(min(done, 0.999), f"measuring {share:.0%}  {said}")

        figures = train(training(setup, measuring), world, watch, profile=profile).figures
    say(f"trained {run.name}" + _peak(world) + (f"; trace in {run.trace}" if profile else ""))
    grid_of_figures(figures)
    asked = ' --question "…"' if setup.task.name == "vqa" else ""
    say(f"next: spacelang transfer {setup.task.name} {called(run.folder)} --predict photo.jpg{asked} -o out.png")


def _epochs(count: float) -> str:
    return spaced(round(count)) if count >= 100 else f"{count:.3g}"


def _peak(world: World) -> str:
    import torch

    if world.device.type != "cuda":
        return ""
    return f"; at most {torch.cuda.max_memory_allocated(world.device) / 2**30:.1f} GiB of the GPU's memory"


def _ahead(made: Opened, world: World) -> None:
    """Print what a training would be."""
    from spacelang_runtime.tasks.transfer.memory import estimate
    from spacelang_runtime.tasks.transfer.schedule import rate_of

    request, limits, train = made.request, made.limits, made.request.recipe.train
    architecture = made.network.architecture
    own = train.batch // world.size
    at_once = min(own, train.micro) if train.micro else own
    memory = estimate(made.task, architecture, request.recipe, made.data.labels, at_once, world.device)
    rate, per_epoch = rate_of(train, made.data.per_epoch), made.data.per_epoch
    print(f"recipe    {request.recipe.name}: transfer {request.recipe.task}")
    weights = "random weights" if request.random else f"weights of {request.model}"
    print(f"network   {architecture.name}, {weights}")
    still = ", which stays as it is" if train.backbone_learning_rate == 0 else ""
    print(f"model     {short(memory.params)} params, {short(memory.backbone)} of them in the backbone{still}")
    for number, line in enumerate(made.looked.summary()):
        print(f"{'data' if not number else '':<10}{line}")
    epochs = _epochs(limits.steps / per_epoch)
    print(
        f"schedule  {spaced(limits.steps)} steps of {train.batch} ({spaced(per_epoch)} an epoch: {epochs} epochs)"
        + (f", at most {clock(limits.budget)}" if limits.budget else "")
    )
    points = sorted({0.0, rate.warmup, *rate.steps, 0.5, 0.75} - {1.0})
    for point in points:
        step = min(limits.steps - 1, round(point * limits.steps)) + 1
        factor = rate.factor(step / limits.steps)
        slow = train.learning_rate if train.backbone_learning_rate is None else train.backbone_learning_rate
        apart = "" if slow in (0, train.learning_rate) else f", of the backbone {slow * factor:.2e}"
        print(f"          step {spaced(step)}: learning rate {train.learning_rate * factor:.2e}{apart}")
    print(
        f"memory    about {memory.total / 2**30:.1f} GiB a device ({world.device.type}): "
        f"{memory.states / 2**30:.1f} for weights, gradients and moments, "
        f"{memory.kept / 2**30:.1f} for {at_once} at a time" + (f" of {own}" if at_once < own else "")
    )
