"""From what a user asks for to a transfer that can begin: network, data, run folder, model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from attrs import frozen
from torch import nn

from spacelang_runtime.engine.distributed import World, broadcast
from spacelang_runtime.engine.record import Limits
from spacelang_runtime.engine.schedule import finished
from spacelang_runtime.failure import Failure
from spacelang_runtime.nn.network import Network
from spacelang_runtime.nn.saved import load as load_network
from spacelang_runtime.nn.saved import save as save_network
from spacelang_runtime.tasks.recipe import Recipe
from spacelang_runtime.tasks.registry import task
from spacelang_runtime.tasks.task import Data, Task
from spacelang_runtime.tasks.transfer import checkpoint as checkpoints
from spacelang_runtime.tasks.transfer.run import Record, Run, complete, create, note, open_run
from spacelang_runtime.tasks.transfer.train import Job

Say = Callable[[str], None]


@frozen
class Order:
    """A transfer that a user asks for. model: the folder of a network; random: leave its weights aside. steps,
    budget (seconds): limits, where the recipe's own length is not meant. overrides: lines of the recipe changed,
    as written."""

    recipe: Recipe
    model: Path
    data: Path
    random: bool = False
    bert: Path | None = None
    steps: int | None = None
    budget: float | None = None
    command: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()

    def limits(self, per_epoch: int) -> Limits:
        length = self.recipe.train.iterations_of(per_epoch)
        return Limits(self.steps if self.steps is not None else length, self.budget)


@frozen(eq=False)
class Opened:
    """An order with what it speaks of: the network and the data, read and found whole."""

    order: Order
    task: Task
    network: Network
    data: Data

    @property
    def limits(self) -> Limits:
        return self.order.limits(self.data.per_epoch)


def opened(order: Order) -> Opened:
    """Read the network and the data of an order. Raises `Failure` with what is wrong with them."""
    chosen = task(order.recipe.task)
    network = load_network(order.model)
    if order.recipe.model and network.architecture.frame.channels != 3:
        raise Failure(
            f"{order.model} reads images of {network.architecture.frame.channels} channel, and photos have 3"
        )
    if order.random:
        torch.manual_seed(order.recipe.train.seed)
        network = Network(network.architecture)
    return Opened(order, chosen, network, chosen.open(order.data, order.recipe, None, order.bert))


def new(found: Opened, runs: Path, world: World, workers: int) -> Job:
    """A new run in the folder `runs`."""
    order, recipe, data = found.order, found.order.recipe, found.data
    _shareable(recipe, world)
    folder = None
    if world.is_main:
        run = create(
            runs,
            Record(
                recipe=recipe,
                model=str(order.model),
                random=order.random,
                data=str(order.data),
                fingerprint=data.fingerprint,
                labels=data.labels,
                limits=found.limits,
                device=str(world.device),
                command=order.command,
                overrides=order.overrides,
                bert=str(order.bert) if order.bert else None,
                processes=world.size,
            ),
        )
        save_network(found.network, run.network, {"source": str(order.model), "random": order.random})
        complete(run)
        note(run, "began", steps=found.limits.steps, budget=found.limits.budget)
        folder = run.folder
    run = open_run(broadcast(world, folder))
    torch.manual_seed(recipe.train.seed)
    model = found.task.build(found.network, recipe, data.labels, order.bert)
    return Job(run, found.task, placed(model, world), data, found.limits, workers)


def resumed(run: Run, world: World, workers: int, steps: int | None, budget: float | None) -> Job:
    """A run that goes on from its checkpoint, within its own limits or the ones given here.

    Raises `Failure` where it has ended by these limits, and where its data is not what it was.
    """
    recipe = run.record.recipe
    _shareable(recipe, world)
    kept = checkpoints.load(run.checkpoint)
    data = data_of(run)
    limits = kept.limits
    if steps is not None or budget is not None:
        limits = Limits(steps if steps is not None else recipe.train.iterations_of(data.per_epoch), budget)
    at = kept.standing
    if steps is not None and steps < at.step:
        raise Failure(
            f"{run.name} has made {at.step} steps, and --steps counts from its beginning",
            f"for {steps} more: --steps {at.step + steps}; to its end, {kept.limits.steps}: leave --steps out",
        )
    if finished(limits, at.step, at.elapsed) and run.measured == at.step:
        more = f"--budget {2 * at.elapsed / 60:.0f}m" if limits.budget else f"--steps {2 * at.step}"
        raise Failure(
            f"{run.name} has ended: {at.step} steps of {limits.steps}",
            f"measure it with --eval, ask it with --predict, or give it more, counted from its beginning: {more}",
        )
    chosen = task(recipe.task)
    torch.manual_seed(recipe.train.seed)
    # The weights are the checkpoint's: BERT's folder need not be there any more.
    model = chosen.build(load_network(run.network), recipe, run.record.labels, None)
    if world.is_main:
        note(run, "resumed", step=at.step, steps=limits.steps, budget=limits.budget)
    return Job(run, chosen, placed(model, world), data, limits, workers, kept)


def data_of(run: Run) -> Data:
    """The data that a run was trained on. Raises `Failure` where it is not what it was."""
    record = run.record
    data = task(record.recipe.task).open(Path(record.data), record.recipe, record.labels, None)
    if data.fingerprint != record.fingerprint:
        raise Failure(
            f"{record.data} is not what {run.name} was trained on: it has changed",
            "bring it back, or train a new run",
        )
    return data


def placed(model: nn.Module, world: World) -> nn.Module:
    """A model on its device; norms over a batch see the batches of all GPUs."""
    if world.size > 1 and world.device.type == "cuda":
        model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    return model.to(world.device)


def _shareable(recipe: Recipe, world: World) -> None:
    if recipe.train.batch % world.size:
        near = max(1, round(recipe.train.batch / world.size)) * world.size
        raise Failure(
            f"a batch of {recipe.train.batch} cannot be shared out evenly among {world.size} processes",
            f"take one that can, such as --set batch={near}",
        )
