"""From what a user asks for to a transfer that can begin: network, data, run folder, model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from attrs import field, frozen
from torch import nn

from spacelang_runtime.engine.checkpoint import load
from spacelang_runtime.engine.create import create_with
from spacelang_runtime.engine.distributed import World, broadcast, require_shares
from spacelang_runtime.engine.place import (
    alike,
    differences,
    keep_place,
    place_of,
    read_data,
    write_data,
)
from spacelang_runtime.engine.record import Data, Initial, Limits, Record
from spacelang_runtime.engine.resume import continued_by, launched, require_more
from spacelang_runtime.engine.run import RunFolder, find
from spacelang_runtime.failure import Failure
from spacelang_runtime.nn.network import Network
from spacelang_runtime.nn.saved import load as load_network
from spacelang_runtime.nn.saved import save as save_network
from spacelang_runtime.tasks.look import CheckedData, again, listing, looked
from spacelang_runtime.tasks.recipe import TransferRecipe
from spacelang_runtime.tasks.registry import task
from spacelang_runtime.tasks.task import Show, Task, TaskData, silent
from spacelang_runtime.tasks.transfer.objective import TransferSetup
from spacelang_runtime.tasks.transfer.run import TASKS, measured, note, read_recipe, write_recipe


@frozen
class TransferRequest:
    """A transfer that a user asks for. model: the folder of a network; random: leave its weights aside. steps,
    budget (seconds): limits, where the recipe's own length is not meant. overrides: lines of the recipe changed,
    as written."""

    recipe: TransferRecipe
    model: Path
    data: Path
    random: bool = False
    bert: Path | None = None
    steps: int | None = None
    budget: float | None = None
    command: tuple[str, ...] = ()
    overrides: dict[str, str] = field(factory=dict)

    def limits(self, per_epoch: int) -> Limits:
        length = self.recipe.train.iterations_of(per_epoch)
        return Limits(self.steps if self.steps is not None else length, self.budget)


@frozen(eq=False)
class TransferInputs:
    """A request with what it speaks of: the network and the data, read and found whole."""

    request: TransferRequest
    task: Task
    network: Network
    looked: CheckedData

    @property
    def data(self) -> TaskData:
        return self.looked.data

    @property
    def limits(self) -> Limits:
        return self.request.limits(self.data.per_epoch)


def opened(request: TransferRequest, world: World, workers: int, show: Show = silent) -> TransferInputs:
    """Read the network of a request, and look at all its data. Raises `Failure` with what is wrong with them."""
    chosen = task(request.recipe.task)
    network = load_network(request.model)
    if request.recipe.model and network.architecture.frame.channels != 3:
        raise Failure(
            f"{request.model} reads images of {network.architecture.frame.channels} channel, and photos have 3"
        )
    if request.random:
        torch.manual_seed(request.recipe.train.seed)
        network = Network(network.architecture)
    data = chosen.open(request.data, request.recipe, None, request.bert)
    return TransferInputs(request, chosen, network, looked(data, request.data, world, workers, show))


def new(opened: TransferInputs, runs: Path, world: World, workers: int) -> TransferSetup:
    """A new run in the folder `runs`, named after its task and its data: detect-coco-1, detect-coco-2, …"""
    request, recipe, data = opened.request, opened.request.recipe, opened.data
    require_shares(recipe.train.batch, world)
    name = None
    if world.is_main:
        record = _record(opened, world)

        def keep(folder: Path) -> None:
            notes = {"source": str(request.model), "random": request.random}
            save_network(opened.network, folder / "network", notes)
            write_recipe(folder, recipe, data.labels)
            write_data(folder, opened.looked.files, opened.looked.broken)

        run = launched(create_with(runs, record, f"{recipe.task}-{record.data.name}", keep))
        note(run, "began", steps=opened.limits.steps, budget=opened.limits.budget)
        name = run.name
    return _begun(opened, find(runs, broadcast(world, name), TASKS), world, workers)


def forgotten(opened: TransferInputs, world: World, workers: int) -> TransferSetup:
    """The same without a folder: of a training of which nothing is kept."""
    return _begun(opened, RunFolder(Path(), _record(opened, world)), world, workers)


def _record(opened: TransferInputs, world: World) -> Record:
    request = opened.request
    return Record(
        task=request.recipe.task,
        data=Data(str(request.data), Path(request.data).resolve().name, opened.looked.fingerprint),
        limits=opened.limits,
        device=str(world.device),
        command=request.command,
        overrides=request.overrides,
        initial=Initial(str(request.model), request.random, str(request.bert) if request.bert else None),
        processes=world.size,
    )


def _begun(opened: TransferInputs, run: RunFolder, world: World, workers: int) -> TransferSetup:
    request, data = opened.request, opened.data
    torch.manual_seed(request.recipe.train.seed)
    model = opened.task.build(opened.network, request.recipe, data.labels, request.bert)
    return TransferSetup(run, opened.task, request.recipe, placed(model, world), data, opened.limits, workers)


def resumed(
    run: RunFolder,
    world: World,
    workers: int,
    steps: int | None,
    budget: float | None,
    micro: int = 0,
    where: str | None = None,
    say: Callable[[str], None] = lambda line: None,
    show: Show = silent,
) -> TransferSetup:
    """A run that goes on from its checkpoint, within its own limits or the ones given here; where: where its data
    is now. What has changed in the data is said.

    Raises `Failure` where it has ended by these limits, and where its data is other data.
    """
    recipe, labels = read_recipe(run)
    require_shares(recipe.train.batch, world)
    kept = data_of(run, world, workers, where, say, show)
    data = kept.data
    if micro % data.multiple:
        raise Failure(f"--micro {micro} is no multiple of {data.multiple}", "its images have so many texts each")
    checkpoint = continued_by(load(run.checkpoint), micro)
    limits, state = checkpoint.limits, checkpoint.state
    if steps is not None or budget is not None:
        limits = Limits(steps if steps is not None else recipe.train.iterations_of(data.per_epoch), budget)
    if state.step > limits.steps or measured(run) == state.step:  # else its last measurement is still to be made
        require_more(run, limits, checkpoint, "measure it with --eval, ask it with --predict, or ")
    chosen = task(recipe.task)
    torch.manual_seed(recipe.train.seed)
    # The weights are the checkpoint's: BERT's folder need not be there any more.
    model = chosen.build(load_network(run.network), recipe, labels, None)
    if world.is_main:
        launched(run)
        keep_place(run, place_of(run, where), kept.fingerprint)
        write_data(run.folder, kept.files, kept.broken)
        note(run, "resumed", step=state.step, steps=limits.steps, budget=limits.budget)
    return TransferSetup(run, chosen, recipe, placed(model, world), data, limits, workers, checkpoint)


def data_of(
    run: RunFolder,
    world: World,
    workers: int,
    where: str | None = None,
    say: Callable[[str], None] = lambda line: None,
    show: Show = silent,
) -> CheckedData:
    """The data that a run was trained on, wherever it is now. What has been mended in it since is looked at, and
    said. Raises `Failure` where it is other data."""
    record, (recipe, labels), kept = run.record, read_recipe(run), read_data(run)
    folder = Path(place_of(run, where))
    data: TaskData = task(record.task).open(folder, recipe, labels, None)
    same = data.fingerprint == record.data.fingerprint
    files, broken = kept or ({}, {})
    if same and (seen := again(data, folder, broken)) is not None:
        return seen
    changes = differences(files, listing(data, folder))
    if not same and (data.labels != labels or not alike(files, listing(data, folder))):
        raise Failure(
            f"{folder} is not what {run.name} was trained on: it has changed" + (f": {changes}" if kept else ""),
            "bring it back, or train a new run",
        )
    seen = looked(data, folder, world, workers, show)
    whole = sorted(broken.keys() & seen.files.keys() - seen.broken.keys())
    changes = ", ".join([*([changes] if changes else []), *(f"{name} is whole again" for name in whole[:2])])
    say(f"{folder} has changed since {run.name} began: {changes or 'its files are other ones'}")
    return seen


def placed(model: nn.Module, world: World) -> nn.Module:
    """A model on its device; norms over a batch see the batches of all GPUs."""
    if world.size > 1 and world.device.type == "cuda":
        model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    return model.to(world.device)
