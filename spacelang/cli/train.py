"""`spacelang train`: train the supernet of a space."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import attrs
import typer

from spacelang.amount import NotAnAmount, clock, seconds, short
from spacelang.api.workers import readers as readers
from spacelang.check import override
from spacelang.cli.options import (
    Budget,
    Checkpointing,
    Device,
    Micro,
    Profile,
    Resume,
    Runs,
    Steps,
    TrainingData,
    Workers,
)
from spacelang.cli.terminal import fail, say, say_once
from spacelang.cli.texts import compiled, open_text
from spacelang.cli.watch import progress
from spacelang.language.measures import TIMES
from spacelang.runs import RUNS, called, resuming
from spacelang.space import Space

if TYPE_CHECKING:
    from spacelang_runtime.engine.distributed import World
    from spacelang_runtime.engine.run import Run
    from spacelang_runtime.engine.step import Observe, Step
    from spacelang_runtime.tasks.supernet.objective import SupernetSetup
    from spacelang_runtime.tasks.supernet.start import TrainRequest


def train(
    space: Annotated[
        str | None, typer.Argument(help="A .space file; with --resume, a run (default: the latest).")
    ] = None,
    data: TrainingData = None,
    steps: Steps = None,
    budget: Budget = None,
    resume: Resume = False,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Change a line of the train recipe for this run."),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL", help="Begin with the weights of a model's folder, or of a run's largest network."
        ),
    ] = None,
    taught: Annotated[
        float, typer.Option(min=0, max=1, help="With --weights: the part that this model teaches, such as 0.5.")
    ] = 0.0,
    device: Device = "auto",
    micro: Micro = None,
    workers: Workers = None,
    profile: Profile = False,
    every: Annotated[str, typer.Option(help="Keep a checkpoint so often, such as 30s or 5m.")] = "5m",
    shard: Annotated[
        bool, typer.Option("--shard", help="Under torchrun: share the optimizer's memory out among the GPUs.")
    ] = False,
    checkpointing: Checkpointing = False,
    photo: Annotated[
        Path | None,
        typer.Option("--attention", metavar="PHOTO", help="Show the heads' maps of a photo in TensorBoard."),
    ] = None,
    runs: Runs = RUNS,
) -> None:
    """Train the supernet of a space by the sandwich rule.

    Each step trains the largest network, the smallest and two random ones on one batch. Under torchrun the same
    command trains on many GPUs. Without --data it trains on the built-in handwritten digits.
    """
    limit = None if budget is None else time_of(budget, "--budget")
    pause = time_of(every, "--every")
    if resume:
        if settings:
            fail("a run goes on with its own recipe", "leave out --set, or train a new run")
        if weights is not None or taught:
            fail("a run goes on from its own weights", "leave out --weights and --taught, or train a new run")
    elif space is None:
        fail("which space?", "name a .space file, such as: spacelang train spaces/digits.space")
    elif not Path(space).exists() and (runs / space / "run.json").is_file():
        fail(f"{space} is a run, not a .space file", f"go on with it: {resuming(runs / space, False)}")
    if taught and weights is None:
        raise typer.BadParameter("there is no model to teach: name it with --weights", param_hint="--taught")
    request = None if resume else requested(str(space), data, steps, limit, settings or [], micro or 0)
    if request is not None and weights is not None:
        request = _begun_with(request, weights, taught, runs)

    asked = _to_resume(space, runs) if resume else None

    from spacelang_runtime.engine.distributed import join
    from spacelang_runtime.engine.lock import sole_writer
    from spacelang_runtime.engine.start import restarted
    from spacelang_runtime.tasks.supernet.start import continued, new, resumed

    with sole_writer(asked.folder) if asked else nullcontext(), join(device) as world:
        run = restarted(runs, world, speaker(world))
        again = (world, readers(workers), speaker(world), steps, limit, micro or 0)
        if run is not None:
            setup = continued(run, *again, begun=False)
        elif asked is not None:
            setup = resumed(asked, *again, data)
        else:
            assert request is not None
            setup = new(request, runs, world, readers(workers), speaker(world))
        setup.model.checkpointing = checkpointing
        watched(setup, world, profile, pause, shard, photo)
    if world.is_main:
        run = setup.run
        bounds = setup.space.evolve.bounds
        table = next((f" --cost {bound.measure}.json" for bound in bounds if bound.measure in TIMES), "")
        say(
            f"next: spacelang evolve {called(run.folder)}{table}"
            + ("" if bounds else f" --flops {_middle(setup.space)}")
        )
        if table:
            say("      by a table that spacelang measure SPACE.space writes")


def requested(
    path: str, data: str | None, steps: int | None, limit: float | None, settings: list[str], micro: int = 0
) -> TrainRequest:
    """The training that the command line asks for: of the space in a file, with lines of its recipe replaced."""
    source = open_text(Path(path))
    space = compiled(source)
    try:
        overrides = override.settings(settings)
        space = attrs.evolve(
            space, train=override.train_with(space.train, overrides, lambda line: say(f"warning: {line}"))
        )
    except override.NotASetting as reason:
        raise typer.BadParameter(str(reason), param_hint="--set") from None
    from spacelang_runtime.tasks.supernet.start import TrainRequest  # torch comes with it: mistakes come before

    request = TrainRequest(
        space, source.text, data or "digits", tuple(sys.argv[1:]), overrides, steps, limit, micro
    )
    return _preview(request, path) if data is None and not _fits_digits(space) else request


def _begun_with(request: TrainRequest, weights: str, taught: float, runs: Path) -> TrainRequest:
    """The same from the weights of a network that has learned, which sees images as it has learned to."""
    from spacelang_runtime.engine.record import Distillation, Initial
    from spacelang_runtime.tasks.supernet.known import known

    _, preprocessing = known(weights, runs)  # a name that is wrong is told before data is looked at
    return attrs.evolve(
        request,
        initial=Initial(weights),
        distillation=Distillation(weights, taught) if taught else None,
        preprocessing=preprocessing,
    )


def _fits_digits(space: Space) -> bool:
    """Whether the built-in digits are what a space was written for, and not a stand-in for photos."""
    return space.frame.classes == 10 and space.frame.image <= 32


PREVIEW_BATCH, PREVIEW_BUDGET = 4, 100.0


def _preview(request: TrainRequest, path: str) -> TrainRequest:
    """The same request made small: a look at how things work, bounded in time."""
    say(
        f"no --data: a PREVIEW of at most {clock(request.budget or PREVIEW_BUDGET)} on the built-in digits, "
        "resized. Its numbers mean nothing.\n"
        f"For real: spacelang train {path} --data FOLDER   (FOLDER has train/CLASS/* and val/CLASS/*)"
    )
    recipe = attrs.evolve(
        request.space.train, batch=min(request.space.train.batch, PREVIEW_BATCH), repeats=1, warmup=0
    )
    return attrs.evolve(
        request,
        space=attrs.evolve(request.space, train=recipe),
        budget=request.budget or PREVIEW_BUDGET,
        preview=True,
    )


def _to_resume(name: str | None, runs: Path) -> Run:
    """The run of that name, or of the space in that file; the latest with a checkpoint, where none is given."""
    from spacelang_runtime.engine.latest import serving
    from spacelang_runtime.engine.run import every

    if name is not None and name.endswith(".space"):
        space = compiled(open_text(Path(name))).name
        of_space = [run for run in every(runs) if run.record.space == space]
        if not of_space:
            fail(f"no run of the space {space} is in {runs}/", f"begin one: spacelang train {name}")
        name = max(of_space, key=lambda run: run.record.created).name
    run = serving(runs, name, "checkpoint", say_once)
    if run.record.task == "finetune":
        fail(f"{run.name} is a run of finetune", f"go on with it: {resuming(run.folder, True)}")
    return run


def watched(
    setup: SupernetSetup,
    world: World,
    profile: bool = False,
    every: float = 300.0,
    shard: bool = False,
    photo: Path | None = None,
    again: str = "",
) -> None:
    """Train, and show how it goes on. every: seconds between two checkpoints. photo: whose attention maps are to
    be seen in TensorBoard. again: what to say of how a training that was stopped goes on, where it is not by the
    trainer's own command."""
    from spacelang_runtime.data.advice import advice
    from spacelang_runtime.engine.distributed import all_gather
    from spacelang_runtime.engine.train import train
    from spacelang_runtime.failure import Interrupted, Stopped
    from spacelang_runtime.tasks.supernet.objective import training

    run, dataset = setup.run, setup.dataset
    how: dict[str, Any] = {"profile": profile, "every": every, "shard": shard}
    if not world.is_main:
        train(training(setup), world, lambda _: None, **how)
        all_gather(world, dataset.skipped)
        return
    sizes = f"{dataset.train_size} images to train on"
    sizes += f", {len(dataset.search)} held out for the search" if len(dataset.search) else ""
    say(f"run {run.name}: {dataset.name}, {sizes}; {world.device}" + (f" ×{world.size}" if world.size > 1 else ""))
    with progress(f"train {run.name}") as show, _looking(setup, photo) as look:

        def watch(step: Step) -> None:
            losses = "  ".join(f"{kind} {loss:.3f}" for kind, loss in step.losses.items())
            waiting = f"  waiting for data {step.waiting:.0%}" if step.waiting > 0.05 else ""
            rate = f"{step.images:.0f} img/s" if step.images >= 10 else f"{step.images:.1f} img/s"
            text = f"step {step.step}  loss {losses}  {rate}  {clock(step.left)} left{waiting}"
            show(step.progress, text)
            look(step)
            say_of(step)

        try:
            state = train(training(setup), world, watch, **how).state
        except Interrupted as stop:
            raise Stopped(stop.message, again or stop.remedy) from None
    where = f"; trace in {run.trace}" if profile else ""
    waited = state.waited / state.elapsed if state.elapsed else 0.0
    took = f"{clock(state.elapsed)}, {waited:.0%} of it waiting for data"
    say(f"trained {run.name}: {state.step} steps in {took}{where}")
    if remedy := advice(dataset, waited):
        say(f"  to wait less: {remedy}")
    skipped = {file: why for part in all_gather(world, dataset.skipped) for file, why in part.items()}
    for file, why in skipped.items():
        say(f"skipped {file}: {why}")


def say_of(step: Step) -> None:
    """Say what the user is to know of a step."""
    if step.problem:
        say(f"skipped: {step.problem} ({step.skipped} so far)")
    if step.notice:
        say(step.notice)


def _looking(setup: SupernetSetup, photo: Path | None) -> AbstractContextManager[Observe]:
    """An observer that draws the attention maps of a photo, where one is given."""
    if photo is None:
        return nullcontext(lambda _: None)
    from spacelang_runtime.visualize.board import board

    looking: AbstractContextManager[Observe] = board(
        setup.run, setup.model, setup.subnets.largest, photo, setup.dataset.preprocessing
    )
    return looking


def speaker(world: World) -> Callable[[str], None]:
    """Where a process says what goes on: one of them does."""
    return say if world.is_main else lambda _: None


def time_of(text: str, option: str) -> float:
    """The seconds that an option gives."""
    try:
        return seconds(text)
    except NotAnAmount as reason:
        raise typer.BadParameter(str(reason), param_hint=option) from None


def _middle(space: Space) -> str:
    """An amount of MACs between the least and the most of a space, as an example of a bound on it."""
    from spacelang.lower.lowered import lower

    whole = lower(space).range("flops")
    return short((whole.lo + whole.hi) // 2)
