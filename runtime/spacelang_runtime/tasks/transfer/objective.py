"""A task's losses over a model with a network as its backbone, as an objective; and the figures that are measured
on the way."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from typing import Any

import torch.distributed as dist
from attrs import frozen
from torch import Tensor, nn

from spacelang.runs import called
from spacelang_runtime.data.skipped import Skipped
from spacelang_runtime.data.workers import worked
from spacelang_runtime.engine.adamw import ParameterGroup
from spacelang_runtime.engine.checkpoint import Checkpoint, TrainerState
from spacelang_runtime.engine.distributed import World, broadcast, together
from spacelang_runtime.engine.objective import MicroStep, Objective
from spacelang_runtime.engine.record import Limits
from spacelang_runtime.engine.run import RunFolder
from spacelang_runtime.engine.train import Training
from spacelang_runtime.interrupt import at_once
from spacelang_runtime.seeding import seed_of
from spacelang_runtime.tasks.recipe import TaskTrain, TransferRecipe
from spacelang_runtime.tasks.task import Figures, Show, Task, TaskBatch, TaskData, moved, undecayed
from spacelang_runtime.tasks.transfer.model import save
from spacelang_runtime.tasks.transfer.run import figures_of, note
from spacelang_runtime.tasks.transfer.schedule import rate_of
from spacelang_runtime.tasks.unread import Skip


@frozen(eq=False)
class TransferSetup:
    """What a training of a task is made from. model: on its device. workers: processes that prepare batches.
    checkpoint: where to go on from."""

    run: RunFolder
    task: Task
    recipe: TransferRecipe
    model: Any
    data: TaskData
    limits: Limits
    workers: int
    checkpoint: Checkpoint | None = None


def training(
    setup: TransferSetup, show: Show, say: Callable[[str], None] = lambda line: None, share: int = 1
) -> Training:
    """The training for the one trainer. show: how far an evaluation is. say: told of each image that cannot be read
    any more. share: a step takes one of so many parts of its images alone, to be timed."""
    recipe, task, skip = setup.recipe.train, setup.task, Skipped(say)
    rate = rate_of(recipe, setup.data.per_epoch)
    return Training(
        run=setup.run,
        model=setup.model,
        objective=objective(setup, skip, share),
        parameters=by_groups(setup.model, recipe),
        rate=lambda progress, _: rate.factor(progress),
        limits=setup.limits,
        batch=recipe.batch,
        micro=recipe.micro,
        clip=recipe.clip,
        resume=f"spacelang transfer {task.name} {called(setup.run.folder)} --resume",
        remedy="train anew with a smaller learning_rate, or with clip = 1",
        name=setup.recipe.task,
        evaluate=lambda model, state, world: evaluate(setup, state, world, show, skip),
        evaluations=recipe.evaluations,
        checkpoint=setup.checkpoint,
    )


def by_groups(model: Any, recipe: TaskTrain) -> list[tuple[ParameterGroup, list[nn.Parameter]]]:
    """The parameters that learn, by the recipe's two learning rates; norms, biases, positions and tokens do not
    decay."""
    free = undecayed(model)
    slow = recipe.learning_rate if recipe.backbone_learning_rate is None else recipe.backbone_learning_rate

    def group(name: str) -> ParameterGroup:
        of_backbone, decays = name.startswith("backbone."), name not in free
        return ParameterGroup(
            name=f"{'backbone' if of_backbone else 'heads'}, {'decaying' if decays else 'others'}",
            rate=slow if of_backbone else recipe.learning_rate,
            decay=recipe.weight_decay if decays else 0.0,
        )

    return [(group(name), [parameter]) for name, parameter in model.named_parameters() if parameter.requires_grad]


def objective(setup: TransferSetup, skip: Skipped, share: int = 1) -> Objective:
    """The sum of a task's losses over a batch, which workers make in parts. skip: told of what cannot be read.
    share: see `training`."""
    recipe, names = setup.recipe.train, setup.task.losses

    def batches(first: int, steps: int, micro: int, world: World) -> Generator[Sequence[TaskBatch], None, None]:
        made = setup.data.parts(world.rank, world.size * share, micro)
        numbers = range(first, first + steps)
        with closing(worked(made, numbers, setup.workers, world.device.type == "cuda")) as steps_taken:
            for taken in steps_taken:
                for reason in taken.broken:
                    skip(*reason.split(": ", 1))
                yield taken.parts

    def micro_steps(step: int, batch: Sequence[TaskBatch], micro: int, world: World) -> list[MicroStep]:
        whole = sum(part.size for part in batch)
        return [
            MicroStep(
                network="",
                seed=seed_of("transfer", recipe.seed, step, world.rank, index),
                images=part.size,
                weight=part.size / whole,
                loss_weights=dict.fromkeys(names, part.size / whole),
                backward=lambda weight, part=part: backward(setup.model, names, part, weight, world),
            )
            for index, part in enumerate(batch)
        ]

    return Objective(
        losses=names,
        reported=names,
        batches=batches,
        micro_steps=micro_steps,
        multiple=setup.data.multiple,
        unit="texts" if setup.task.name == "vqa" else "images",
        less="keep less of the backbone (--set checkpointing=true), or take a GPU with more memory",
    )


def backward(
    model: nn.Module, names: Sequence[str], part: TaskBatch, weight: float, world: World
) -> Mapping[str, Tensor]:
    """The losses of a part of a batch, of which `weight` times the gradient of the sum is added to what is
    there."""
    losses = model(moved(part, world.device))
    (sum(losses[name].float() for name in names) * weight).backward()
    return {name: losses[name].detach() for name in names}


def evaluate(setup: TransferSetup, state: TrainerState, world: World, show: Show, skip: Skip) -> Figures:
    """Measure the model on the test images, note the figures, and keep the model in its run; what a process has
    noted that was killed then is not measured again. skip: told of the images that cannot be read. Raises
    `KeyboardInterrupt` where it is stopped meanwhile."""
    run, model = setup.run, setup.model.eval()
    unread: dict[str, str] = {}

    def skipped(name: str, reason: str) -> None:
        unread[name] = reason
        skip(name, reason)

    known = broadcast(world, figures_of(run, state.step) if world.is_main else None)
    if world.size > 1:  # running means of norms differ a little between processes: the leader's hold
        with together():
            for buffer in model.buffers():
                dist.broadcast(buffer, 0)
    if known is None:
        if world.is_main:  # before it is measured: that may fail, and be repeated
            save(run, setup.recipe, setup.data.labels, model, {"step": state.step, "unmeasured": True})
        with at_once():
            figures = setup.task.measure(
                model, setup.data, setup.recipe, world, setup.workers, show, False, skipped
            )
    else:
        figures = known
    model.train()
    if world.is_main:
        if known is None:
            facts = {"skipped": unread} if unread else {}
            note(run, "measured", step=state.step, seconds=round(state.elapsed, 1), figures=figures, **facts)
        save(run, setup.recipe, setup.data.labels, model, figures | {"step": state.step})
    return figures
