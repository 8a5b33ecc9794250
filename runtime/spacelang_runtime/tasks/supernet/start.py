"""From what a user asks for to a training that can begin: data, run folder, supernet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from attrs import evolve, field, frozen

from spacelang import notation
from spacelang.lower.lowered import Lowered, lower
from spacelang.recipe import Train
from spacelang.space import Space
from spacelang_runtime.data import Dataset, open_dataset
from spacelang_runtime.engine import checkpoint
from spacelang_runtime.engine.distributed import World, broadcast, launch
from spacelang_runtime.engine.record import Data, Limits, Record
from spacelang_runtime.engine.run import Run, create, find, of_launch, write_launch
from spacelang_runtime.engine.schedule import finished, limits
from spacelang_runtime.engine.supernet import untrained
from spacelang_runtime.failure import Failure
from spacelang_runtime.preprocessing import Preprocessing
from spacelang_runtime.tasks.supernet.sandwich import Source, alone, source_of
from spacelang_runtime.tasks.supernet.train import Job

Say = Callable[[str], None]


@frozen
class Order:
    """A training that a user asks for. space: with the recipe to use, overrides applied; source: its text.
    overrides: what the command line changed, as written. data: a built-in set's name or a folder.
    steps, budget (seconds): limits, where the recipe's epochs are not meant. network: the line of the one
    network to train, where the whole space is not meant. preprocessing: what it has been scored by until now; None:
    to be chosen for the data."""

    space: Space
    source: str
    data: str
    command: tuple[str, ...] = ()
    overrides: dict[str, str] = field(factory=dict)
    steps: int | None = None
    budget: float | None = None
    preview: bool = False
    network: str = ""
    preprocessing: Preprocessing | None = None


def new(order: Order, runs: Path, world: World, workers: int, say: Say) -> Job:
    """A new run in the folder `runs`.

    Where the data has another number of classes than the space, the data's holds, and is recorded.
    """
    space = order.space
    _shareable(space.train, world)
    dataset = open_dataset(order.data, space.frame, space.train, workers, say, order.preprocessing)
    if len(dataset.classes) != space.frame.classes:
        found = len(dataset.classes)
        say(f"{dataset.name} has {found} classes, not {space.frame.classes}: the head follows the data")
        space = evolve(space, frame=evolve(space.frame, classes=found))
    bounds = limits(space.train, dataset.steps_per_epoch(space.train.batch), order.steps, order.budget)
    lowered = lower(space)
    model = untrained(lowered, world.device)
    name = None
    if world.is_main:
        record = Record(
            space=space.name,
            data=Data(order.data, dataset.name, dataset.fingerprint, dataset.classes),
            recipe=space.train,
            limits=bounds,
            device=str(world.device),
            command=order.command,
            overrides=order.overrides,
            preview=order.preview,
            network=order.network,
            preprocessing=dataset.preprocessing,
            processes=world.size,
        )
        name = _launched(create(runs, record, order.source, space)).name
    run = find(runs, broadcast(world, name))
    return Job(run, space, model, _source(run, lowered), dataset, bounds)


def resumed(
    run: Run, world: World, workers: int, say: Say, steps: int | None = None, budget: float | None = None
) -> Job:
    """A run that goes on from its checkpoint, within its own limits or the ones given here.

    Raises `Failure` where it has ended by these limits, and where its data is not what it was.
    """
    kept = checkpoint.load(run.checkpoint, run.space)
    job, at = _again(run, kept, world, workers, say, steps, budget), kept.standing
    if finished(job.limits, at.step, at.elapsed):
        raise Failure(_ended(run, job.limits, at), _more(job.limits, at))
    return job


def restarted(
    runs: Path, world: World, workers: int, say: Say, steps: int | None = None, budget: float | None = None
) -> Job | None:
    """What torchrun trained when one of its processes died and it started all of them again: the job goes on from
    its last checkpoint, or from its beginning where there is none yet.

    None where these processes are the first, or where none before them had come to making a run.
    """
    job, name = launch(), None
    if job is None or not job.restarts:
        return None
    if world.is_main:
        run = of_launch(runs, job.name)
        name = run.name if run else None
    name = broadcast(world, name)
    if name is None:
        return None
    say(f"a process has died: {name} goes on from its last checkpoint (restart {job.restarts})")
    run = find(runs, name)
    kept = checkpoint.load(run.checkpoint, run.space) if run.checkpoint.exists() else None
    return _again(run, kept, world, workers, say, steps, budget)


def _again(
    run: Run,
    kept: checkpoint.Checkpoint | None,
    world: World,
    workers: int,
    say: Say,
    steps: int | None,
    budget: float | None,
) -> Job:
    """The job that goes on with a run from what is kept of it."""
    space = run.space
    _shareable(space.train, world)
    dataset = dataset_of(run, say, workers)
    bounds = kept.limits if kept else run.record.limits
    if steps is not None or budget is not None:
        bounds = limits(space.train, dataset.steps_per_epoch(space.train.batch), steps, budget)
    if world.is_main:
        _launched(run)
    lowered = lower(space)
    return Job(run, space, untrained(lowered, world.device), _source(run, lowered), dataset, bounds, kept)


def _source(run: Run, lowered: Lowered) -> Source:
    """The networks that a run trains."""
    line = run.record.network
    return alone(evolve(notation.read(line), frame=lowered.space.frame)) if line else source_of(lowered)


def _launched(run: Run) -> Run:
    """The run, once it is kept which torchrun job trains it."""
    if job := launch():
        write_launch(run, job.name)
    return run


def dataset_of(run: Run, say: Say, workers: int = 0) -> Dataset:
    """The data that a run was trained on, scored by the preprocessing that the run has recorded. Raises `Failure`
    where it is not what it was."""
    space, data = run.space, run.record.data
    dataset = open_dataset(data.where, space.frame, space.train, workers, say, run.record.preprocessing)
    if dataset.fingerprint != data.fingerprint or dataset.classes != data.classes:
        raise Failure(
            f"{data.where} is not what {run.name} was trained on: its images have changed",
            "bring them back, or train a new run",
        )
    return dataset


def preprocessing_of(run: Run, say: Say) -> Preprocessing:
    """What the networks of a run are scored by.

    A run of before that was recorded looked at each picture by the picture's own size: at one not larger than the
    image as a whole, at seven eighths of any other. What it did with most of them is what is chosen for its data;
    where that is not at hand any more, it is the crop share that its models have always stated.
    """
    if run.record.preprocessing is not None:
        return run.record.preprocessing
    try:
        return dataset_of(run, say).preprocessing
    except Failure as reason:
        say(f"how much of a picture {run.name} looked at cannot be told: {reason.message}")
        say("its models state crop_pct 0.875, which is right for pictures larger than the space's image")
        return Preprocessing()


def _shareable(recipe: Train, world: World) -> None:
    """Refuse a batch of which the processes would have unequal shares, and count unequally in the mean; and one too
    small to be split among the networks of a sandwich in each of them."""
    batch, places = recipe.batch, recipe.sandwich.size
    if batch % world.size:
        near = max(1, round(batch / world.size)) * world.size
        raise Failure(
            f"a batch of {batch} images cannot be shared out evenly among {world.size} processes",
            f"take one that can, such as batch = {near}",
        )
    if recipe.batches == "split" and batch // world.size < places:
        raise Failure(
            f"a batch of {batch} images among {world.size} processes has no part for each of {places} networks",
            f"take a larger one, such as batch = {places * world.size}, or batches = shared",
        )


def _ended(run: Run, bounds: Limits, at: checkpoint.Standing) -> str:
    if at.step > bounds.steps:
        return f"{run.name} is past step {bounds.steps}: it has made {at.step} steps"
    spent = f", {at.elapsed:.0f} s of {bounds.budget:.0f} s" if bounds.budget is not None else ""
    return f"{run.name} has ended: {at.step} steps of {bounds.steps}{spent}"


def _more(bounds: Limits, at: checkpoint.Standing) -> str:
    by_clock = bounds.budget is not None and at.step < bounds.steps
    more = f"--budget {2 * at.elapsed / 60:.0f}m" if by_clock else f"--steps {2 * at.step}"
    return f"give it more, counted from its beginning: {more}"
