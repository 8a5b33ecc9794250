"""`spacelang finetune`: train one network further, or anew."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from attrs import evolve

from spacelang.check import override
from spacelang.cli.model import no_run
from spacelang.cli.options import Budget, Checkpointing, Device, Micro, Runs, Settings, Steps, TrainingData, Workers
from spacelang.cli.terminal import fail, say, say_once
from spacelang.cli.texts import compiled, open_text
from spacelang.cli.train import readers, speaker, time_of, watched
from spacelang.recipe import Train
from spacelang.runs import RUNS, resuming

if TYPE_CHECKING:
    from spacelang_runtime.engine.distributed import World
    from spacelang_runtime.engine.run import Run
    from spacelang_runtime.tasks.supernet.objective import SupernetSetup
    from spacelang_runtime.tasks.supernet.start import TrainRequest


def finetune(
    model: Annotated[
        str, typer.Argument(help="A model's folder (spacelang export best -o model/); with --resume, a run.")
    ],
    data: TrainingData = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="The folder of the new model.")] = None,
    scratch: Annotated[
        bool, typer.Option("--from-scratch", help="Begin with random weights: the paper's retraining.")
    ] = False,
    recipe: Annotated[Path | None, typer.Option(help="A .space file whose train block to follow.")] = None,
    settings: Settings = None,
    teacher: Annotated[
        str | None,
        typer.Option(help="Learn from a teacher too: a run (its largest network), a model's folder, or timm:NAME."),
    ] = None,
    teacher_weights: Annotated[
        Path | None, typer.Option(help="The weights of a timm teacher (default: timm fetches them).")
    ] = None,
    share: Annotated[
        float | None, typer.Option(min=0, max=1, help="Of the teacher in what is learned (default: 0.5).")
    ] = None,
    steps: Steps = None,
    budget: Budget = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run of finetune.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a model that is there already.")] = False,
    device: Device = "auto",
    micro: Micro = None,
    workers: Workers = None,
    checkpointing: Checkpointing = False,
    runs: Runs = RUNS,
) -> None:
    """Train a model further on data of its own or other classes, by the trainer and the words of `train`.

    The head follows the data. By default the weights that it has learned are the beginning, for 30 epochs at a
    low rate; with --from-scratch the recipe is that of a training.
    """
    if output is None:
        fail("where to?", f"name a folder: spacelang finetune {model} --data FOLDER -o tuned/")
    if resume and (settings or recipe or scratch or teacher or teacher_weights or share is not None):
        fail("a run goes on with its own recipe and teacher", "leave these options out")
    if not resume and data is None:
        fail("which images is it to learn from?", f"name them: spacelang finetune {model} --data FOLDER -o tuned/")
    if teacher is None and (teacher_weights is not None or share is not None):
        fail("there is no teacher", "name one: --teacher, a run, a model's folder or timm:NAME")
    if teacher_weights is not None and not teacher_weights.is_file():
        fail(
            f"there is no file {teacher_weights}", "name the weights of the teacher, or leave --teacher-weights out"
        )

    from spacelang_runtime.nn.saved import require_new

    if not force:
        require_new(output)
    limit = None if budget is None else time_of(budget, "--budget")
    again = (steps, limit, micro or 0)
    request = None
    if not resume:
        no_run(model, runs, "; or go on with a run of finetune: --resume")
        learned = None if teacher is None else (teacher, 0.5 if share is None else share, teacher_weights)
        request = _requested(model, str(data), scratch, recipe, settings or [], learned, *again)

    from spacelang_runtime.engine.distributed import join
    from spacelang_runtime.engine.lock import sole_writer

    run = _to_resume(model, runs) if resume else None
    with sole_writer(run.folder) if run else nullcontext(), join(device) as world:
        if run is not None and run.state is not None and run.state.finished and steps is None and limit is None:
            say_once(f"{run.name} is trained")
        else:
            setup = _begun(run or request, model, output, world, runs, workers, *again, data if resume else None)
            setup.model.checkpointing = checkpointing
            run = setup.run
            watched(setup, world, again=f"go on with: {resuming(run.folder, True, output)}")
        if world.is_main:
            _write(run, output, force)


def _requested(
    model: str,
    data: str,
    scratch: bool,
    recipe: Path | None,
    settings: list[str],
    learned: tuple[str, float, Path | None] | None,
    steps: int | None,
    limit: float | None,
    micro: int,
) -> TrainRequest:
    """The training that the command line asks for. learned: a teacher, its share and its weights."""
    from spacelang import notation
    from spacelang_runtime.engine.record import Distillation, Initial
    from spacelang_runtime.nn.saved import architecture_of, preprocessing_of
    from spacelang_runtime.tasks.finetune import narrowest, recipe_of
    from spacelang_runtime.tasks.supernet.start import TrainRequest

    architecture = architecture_of(model)
    given = compiled(open_text(recipe)).train if recipe else Train()
    try:
        overrides = override.settings(settings)
        chosen = override.train_with(recipe_of(scratch, given), overrides)
    except override.NotASetting as reason:
        raise typer.BadParameter(str(reason), param_hint="--set") from None
    line = notation.write(architecture)
    distillation = None
    if learned is not None:
        teacher, share, weights = learned
        distillation = Distillation(teacher, share, None if weights is None else str(weights))
    return TrainRequest(
        narrowest(architecture, chosen),
        f"# The network {line} alone, from {model}.\n",
        data,
        tuple(sys.argv[1:]),
        overrides,
        steps,
        limit,
        micro,
        network=line,
        initial=Initial(model, scratch),
        distillation=distillation,
        preprocessing=None if scratch else preprocessing_of(model),
    )


def _to_resume(name: str, runs: Path) -> Run:
    """The run of finetune to go on with."""
    from spacelang_runtime.engine.run import find

    run = find(runs, name)
    if run.record.task != "finetune":
        fail(f"{run.name} is a run of a whole space", f"go on with it: {resuming(run.folder, False)}")
    return run


def _begun(
    asked: Run | TrainRequest | None,
    model: str,
    output: Path,
    world: World,
    runs: Path,
    workers: int | None,
    steps: int | None,
    limit: float | None,
    micro: int,
    data: str | None,
) -> SupernetSetup:
    """What a new run is trained from, or one that goes on. data: where that one's is now."""
    from spacelang_runtime.engine.run import Run, removed_unless_saved
    from spacelang_runtime.nn.inherit import inherit
    from spacelang_runtime.nn.saved import load, make
    from spacelang_runtime.tasks.supernet.start import new, resumed

    if isinstance(asked, Run):
        setup = resumed(asked, world, readers(workers), speaker(world), steps, limit, micro, data)
    else:
        assert asked is not None
        network = load(model)  # before the run is made: a damaged folder leaves nothing behind
        setup = new(asked, runs, world, readers(workers), speaker(world))
        if asked.initial is not None and not asked.initial.random:
            weights = network.state_dict()
            if setup.space.frame.classes != network.architecture.frame.classes:
                weights = {name: t for name, t in weights.items() if not name.startswith("head.classify")}
            inherit(setup.model, setup.subnets.largest, weights)
    with removed_unless_saved(setup.run):
        if world.is_main:
            make(output)  # a place that cannot be written is told before the training, not after
    return setup


def _write(run: Run, output: Path, force: bool) -> None:
    import torch

    from spacelang import notation
    from spacelang.lower.lowered import lower
    from spacelang_runtime.engine.provenance import provenance
    from spacelang_runtime.engine.supernet import trained
    from spacelang_runtime.nn.extract import extract
    from spacelang_runtime.nn.saved import CONFIG, notes_of, save
    from spacelang_runtime.tasks.supernet.data import preprocessing_of

    lowered = lower(run.space)
    architecture = evolve(notation.read(run.record.network), frame=lowered.space.frame)
    network = extract(trained(run, lowered, torch.device("cpu")), architecture)
    initial, distillation = run.record.initial, run.record.distillation
    model = initial.model if initial else None
    known = notes_of(model) if model and (Path(model) / CONFIG).is_file() else {}
    how = "trained further" + (f" from {model}" if model else "")
    how = ("trained from scratch" if initial and initial.random else how) + f", {run.name}"
    notes = provenance(run, architecture) | {
        "origin": how + (f", taught by {distillation.teacher}" if distillation else ""),
        "space": known.get("space"),
        "constraint": known.get("constraint"),
    }
    save(network, output, notes, force, preprocessing_of(run, say))
    say(f"next: spacelang eval {output} --data {run.record.data.where}")
    print(f"{output}: {architecture.name}, {how}")
