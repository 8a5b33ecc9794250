"""From what a user asks for to a training that can begin: data, run folder, supernet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import attrs
from attrs import field, frozen

from spacelang import notation
from spacelang.lower.lowered import Lowered, lower
from spacelang.recipe import Train
from spacelang.space import Space
from spacelang_runtime.data import Dataset, TestShare, TrainingData, open_dataset
from spacelang_runtime.data.fit import fitted
from spacelang_runtime.engine.checkpoint import load
from spacelang_runtime.engine.create import create
from spacelang_runtime.engine.distributed import World, broadcast, require_shares
from spacelang_runtime.engine.place import keep_place, place_of, write_data
from spacelang_runtime.engine.record import Data, Distillation, Finish, Initial, Record
from spacelang_runtime.engine.resume import continued_by, launched, require_more
from spacelang_runtime.engine.run import RunFolder, find, removed_unless_saved
from spacelang_runtime.engine.schedule import limits
from spacelang_runtime.engine.supernet import untrained
from spacelang_runtime.failure import Failure
from spacelang_runtime.preprocessing import Preprocessing
from spacelang_runtime.tasks.supernet.data import Say, changed, dataset_of
from spacelang_runtime.tasks.supernet.initial import begin_with
from spacelang_runtime.tasks.supernet.known import doubt
from spacelang_runtime.tasks.supernet.look import looked
from spacelang_runtime.tasks.supernet.objective import SupernetSetup
from spacelang_runtime.tasks.supernet.sandwich import Subnets, alone, subnets_of
from spacelang_runtime.tasks.supernet.teacher import distilled

PLAIN = ("", "a folder with train and val", "a folder with train and test")  # forms that need no word


@frozen
class TrainRequest:
    """A training that a user asks for. space: with the recipe to use, overrides applied; source: its text.
    overrides: what the command line changed, as written. data: a built-in set's name, or where data is; held_out:
    for the test, where it has no test split. steps, budget (seconds): limits, where the recipe's epochs are not
    meant. micro: images that a process takes at a time (0: all). network: the line of the one network to train,
    where the whole space is not meant; initial, distillation, finish: what that begins with, and learns from
    besides. preprocessing: what it has been scored by until now; None: to be chosen for the data. learned: what the
    weights that it begins with were trained on. fingerprint: of the data, where it has to be what it was. keep: see
    `Record`."""

    space: Space
    source: str
    data: str
    command: tuple[str, ...] = ()
    overrides: dict[str, str] = field(factory=dict)
    steps: int | None = None
    budget: float | None = None
    micro: int = 0
    preview: bool = False
    network: str = ""
    initial: Initial | None = None
    distillation: Distillation | None = None
    finish: Finish | None = None
    preprocessing: Preprocessing | None = None
    fingerprint: str = ""
    keep: str = "last"
    held_out: TestShare | None = None
    learned: TrainingData | None = None


def new(request: TrainRequest, runs: Path, world: World, workers: int, say: Say) -> SupernetSetup:
    """A new run in the folder `runs`.

    Where the data has another number of classes than the space, the data's holds, and is recorded; so does a batch
    that fits data of fewer images than the recipe's batch.
    """
    return created(*opened(request, world, workers, say), runs, world, say)


def opened(
    request: TrainRequest, world: World, workers: int, say: Say, whole: bool = False
) -> tuple[TrainRequest, Dataset]:
    """The data that is asked for, and the request with its classes. Its images are looked at, unless they have been
    trained on before; whole: down to their last byte. Raises `Failure` where it has changed."""
    space = request.space
    _require_parts(space.train, world)
    recipe, preprocessing = space.train, request.preprocessing
    dataset = open_dataset(
        request.data, space.frame, recipe, workers, say, preprocessing, request.held_out, request.learned
    )
    if dataset.form not in PLAIN:
        say(dataset.understood)
    if request.fingerprint and dataset.fingerprint != request.fingerprint:
        raise changed(request.data, request.finish.run if request.finish else "it")
    if len(dataset.classes) != space.frame.classes:
        classes = len(dataset.classes)
        say(f"{dataset.name} has {classes} classes, not {space.frame.classes}: the head follows the data")
        space = attrs.evolve(space, frame=attrs.evolve(space.frame, classes=classes))
    if space.train.batch > dataset.train_size and "batch" not in request.overrides:
        space = attrs.evolve(space, train=_fitted(space.train, dataset, world, request.overrides, say))
        dataset.recipe = space.train
    if not request.fingerprint:
        looked(dataset, world, say, whole)
    return attrs.evolve(request, space=space), dataset


def created(request: TrainRequest, dataset: Dataset, runs: Path, world: World, say: Say) -> SupernetSetup:
    """A new run in the folder `runs`, on data that has been opened for it."""
    space = request.space
    steps_per_epoch = dataset.steps_per_epoch(space.train.batch)
    bounds = limits(space.train, steps_per_epoch, request.steps, request.budget)
    lowered = lower(space)
    model = untrained(lowered, world.device)
    for text in dict.fromkeys(_learned_from(request)):
        if said := doubt(text, runs):
            say(f"warning: {text}: {said}")
    if request.initial and not request.network:
        begin_with(request.initial, model, runs, say)
    name = None
    if world.is_main:
        record = Record(
            task="finish" if request.finish else "finetune" if request.network else "supernet",
            data=_recorded(request, dataset),
            limits=bounds,
            device=str(world.device),
            command=request.command,
            overrides=request.overrides,
            space=space.name,
            network=request.network,
            preview=request.preview,
            preprocessing=dataset.preprocessing,
            initial=request.initial,
            distillation=request.distillation,
            finish=request.finish,
            keep=request.keep,
            processes=world.size,
        )
        run = launched(create(runs, record, request.source, space))
        write_data(run.folder, dataset.files, dataset.skipped)
        name = run.name
    run = find(runs, broadcast(world, name))
    with removed_unless_saved(run):
        trained_on = distilled(dataset, run)
    return SupernetSetup(run, space, model, subnets_in(run, lowered), trained_on, bounds, micro=request.micro)


def resumed(
    run: RunFolder,
    world: World,
    workers: int,
    say: Say,
    steps: int | None = None,
    budget: float | None = None,
    micro: int = 0,
    where: str | None = None,
) -> SupernetSetup:
    """A run that goes on from its checkpoint, within its own limits or the ones given here; where: where its data
    is now.

    Raises `Failure` where it has ended by these limits, and where its data is other data.
    """
    setup = continued(run, world, workers, say, steps, budget, micro, where=where)
    assert setup.checkpoint is not None
    require_more(run, setup.limits, setup.checkpoint)
    return setup


def continued(
    run: RunFolder,
    world: World,
    workers: int,
    say: Say,
    steps: int | None = None,
    budget: float | None = None,
    micro: int = 0,
    begun: bool = True,
    where: str | None = None,
) -> SupernetSetup:
    """What goes on with a run from what is kept of it. begun: whether it must have a checkpoint. where: where its
    data is now; what has been mended in it is said."""
    space = run.space
    kept = continued_by(load(run.checkpoint, space), micro) if begun or run.checkpoint.exists() else None
    _require_parts(space.train, world)
    dataset = distilled(dataset_of(run, say, workers, where, mended=True), run)
    bounds = kept.limits if kept else run.record.limits
    if steps is not None or budget is not None:
        bounds = limits(space.train, dataset.steps_per_epoch(space.train.batch), steps, budget)
    if world.is_main:
        launched(run)
        keep_place(run, place_of(run, where), dataset.fingerprint, dataset.form)
        write_data(run.folder, dataset.files, {})
    lowered = lower(space)
    model = untrained(lowered, world.device)
    if kept is None and run.record.initial and not run.record.network:
        begin_with(run.record.initial, model, run.folder.parent, say)
    return SupernetSetup(run, space, model, subnets_in(run, lowered), dataset, bounds, kept, micro)


def _learned_from(request: TrainRequest) -> Iterator[str]:
    """The runs and models whose networks a training begins with or is taught by, as written."""
    if request.finish:
        return  # all of it is of one run, and is told before
    if request.initial and not request.initial.random:
        yield request.initial.model
    if request.distillation and not request.distillation.teacher.startswith("timm:"):
        yield request.distillation.teacher


def _recorded(request: TrainRequest, dataset: Dataset) -> Data:
    share, seen = dataset.held_out.share or TestShare(0.0), dataset.held_out.seen
    data = Data(request.data, dataset.name, dataset.fingerprint, dataset.classes)
    return attrs.evolve(data, test_share=share.share, test_seed=share.seed, test_seen=seen, form=dataset.form)


def subnets_in(run: RunFolder, lowered: Lowered) -> Subnets:
    """The networks that a run trains."""
    line = run.record.network
    if not line:
        return subnets_of(lowered)
    return alone(attrs.evolve(notation.read(line), frame=lowered.space.frame))


def _fitted(recipe: Train, dataset: Dataset, world: World, overrides: dict[str, str], say: Say) -> Train:
    """The recipe with a batch that so few images can fill; a rate that the user gave is left as it is."""
    smaller = fitted(recipe, dataset.train_size, world.size)
    if "learning_rate" in overrides:
        smaller = attrs.evolve(smaller, learning_rate=recipe.learning_rate)
    say(
        f"{dataset.name} has {dataset.train_size} training images, fewer than a batch of {recipe.batch}: this run "
        f"has batch = {smaller.batch} and a learning rate of {float(smaller.rate):.2g} (yours: --set batch=NUMBER)"
    )
    return smaller


def _require_parts(recipe: Train, world: World) -> None:
    """Refuse a batch that the processes cannot share out evenly; and one too small to be split among the networks
    of a sandwich in each of them."""
    batch, places = recipe.batch, recipe.sandwich.size
    require_shares(batch, world)
    if recipe.batches == "split" and batch // world.size < places:
        among = f" among {world.size} processes" if world.size > 1 else ""
        raise Failure(
            f"a batch of {batch} images{among} has no part for each of {places} networks",
            f"take a larger one, such as batch = {places * world.size}, or batches = shared",
        )
