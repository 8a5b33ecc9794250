"""Training of a transfer: one loop for the three tasks. Read `train` from top to bottom.

It is the supernet's trainer in small: a step's batch and its chance follow from the seed and the step's number
alone, so a run that is cut and resumed repeats the uncut one; a step may take its batch in parts, whose gradients
add up; many processes sum gradients, losses, the wish to stop and the leader's clock in one message a step.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from typing import Any

import torch
import torch.distributed as dist
from attrs import frozen
from torch import nn
from torch.utils.tensorboard import SummaryWriter

from spacelang_runtime.data.workers import worked
from spacelang_runtime.engine.checkpoint import STREAK, Standing
from spacelang_runtime.engine.distributed import World, barrier, precision
from spacelang_runtime.engine.gradient import Gradient, attach
from spacelang_runtime.engine.lock import sole_writer
from spacelang_runtime.engine.record import Limits
from spacelang_runtime.engine.scalars import scalars
from spacelang_runtime.engine.schedule import finished, progress
from spacelang_runtime.engine.step import Observe, step_after
from spacelang_runtime.engine.throughput import Throughput
from spacelang_runtime.engine.trace import tracing
from spacelang_runtime.failure import Failure, Interrupted, Stopped
from spacelang_runtime.interrupt import interruptible
from spacelang_runtime.seeding import seed_of
from spacelang_runtime.tasks.recipe import Train
from spacelang_runtime.tasks.task import Batch, Data, Show, Task, moved, undecayed
from spacelang_runtime.tasks.transfer import checkpoint as checkpoints
from spacelang_runtime.tasks.transfer.checkpoint import Checkpoint
from spacelang_runtime.tasks.transfer.learning_rate import rate_of
from spacelang_runtime.tasks.transfer.model import save as save_model
from spacelang_runtime.tasks.transfer.run import Run, note


@frozen(eq=False)
class Job:
    """What a training is about. model: on its device. workers: processes that prepare batches. checkpoint: where to
    go on from."""

    run: Run
    task: Task
    model: Any
    data: Data
    limits: Limits
    workers: int
    checkpoint: Checkpoint | None = None


def train(
    job: Job, world: World, observe: Observe, show: Show, *, profile: bool = False, every: float = 300.0
) -> dict[str, float]:
    """Train until the job's limits are reached, measuring as often as the recipe says; gives the last measurement.

    A checkpoint is kept every so many seconds, at every measurement and at the end. observe: sees every step; show:
    how far a measurement is. Raises `Failure` where it is interrupted, where ten losses in a row are no numbers,
    where memory or disk do not suffice: what was learned is in the run's checkpoint.
    """
    recipe, limits, task, model = job.run.record.recipe.train, job.limits, job.task, job.model.train()
    names = task.losses
    stop, clock = len(names), len(names) + 1  # the notes that travel with a gradient, after the losses
    gradient = attach(model.parameters(), notes=len(names) + 2)
    optimizer = adamw(model, recipe)
    at = restore(job, model, optimizer) if job.checkpoint else Standing()
    good, rate = at, rate_of(recipe, job.data.per_epoch)
    figures: dict[str, float] = {}

    def save(standing: Standing) -> None:
        if world.is_main:
            kept = Checkpoint(limits, standing, model.state_dict(), optimizer.state_dict())
            checkpoints.save(job.run.checkpoint, kept)

    with ExitStack() as stack:
        stack.enter_context(sole_writer(job.run.folder))
        stopping = stack.enter_context(interruptible())
        watchers = [observe, stack.enter_context(scalars(job.run.tensorboard, at.step))] if world.is_main else []
        traced = stack.enter_context(tracing(job.run.trace, world)) if profile else lambda: None
        steps = range(at.step, limits.steps)
        parts = job.data.parts(world.rank, world.size)
        batches = stack.enter_context(closing(worked(parts, steps, job.workers, world.device.type == "cuda")))
        pace = Throughput()
        origin, saved = time.monotonic() - at.elapsed, at.elapsed

        while not finished(limits, at.step, at.elapsed):
            batch = pace.wait(batches)

            # The parts of a batch add up in the same place, and are summed over the processes.
            gradient.clear()
            accumulate(model, batch, names, gradient, recipe, world, at.step)
            gradient.notes[stop] = float(stopping())
            gradient.notes[clock] = time.monotonic() - origin if world.is_main else 0.0
            norm, notes = gradient.reduce()

            # One update, unless it would be of no numbers.
            before = progress(limits, at.step, at.elapsed)
            factor = rate.factor(progress(limits, at.step + 1, at.elapsed))
            problem = trouble(at.step, names, norm, notes)
            if not problem:
                gradient.clip(norm, recipe.clip)
                for group in optimizer.param_groups:
                    group["lr"] = group["peak"] * factor
                optimizer.step()

            # Where this leaves us.
            pace.stepped()
            at = at.after(notes[clock], dict(zip(names, notes, strict=False)), pace.waited, problem)
            good = good if problem else at
            step = step_after(limits, at, pace, recipe.batch, recipe.learning_rate * factor, norm, problem)
            for watch in watchers:
                watch(step)
            traced()
            if at.streak == STREAK:
                save(good)
                raise Stopped(
                    f"{STREAK} steps in a row without a finite loss; the last: {problem}",
                    f"the weights of step {good.step} are kept in {job.run.name}; train anew with a smaller "
                    "learning_rate, or with clip = 1",
                )
            if notes[stop]:
                break
            due = math.floor(step.progress * recipe.evaluations) > math.floor(before * recipe.evaluations)
            if due or at.elapsed - saved >= every:
                save(at)
                saved = at.elapsed
            if due:
                asked = time.monotonic()
                figures = measured(job, world, at, show)
                origin += time.monotonic() - asked  # what measuring takes is no training
                pace.rested()

        save(at)
        barrier(world)
        if not finished(limits, at.step, at.elapsed):
            raise Interrupted(f"stopped at step {at.step} of {limits.steps}; all until there is kept")
        if not figures:  # it was stopped between its last step and its last measurement
            figures = measured(job, world, at, show)
    return figures


def accumulate(
    model: nn.Module,
    batch: Sequence[Batch],
    names: Sequence[str],
    gradient: Gradient,
    recipe: Train,
    world: World,
    step: int,
) -> None:
    """Add the gradient of a batch to `gradient`, and its losses to the notes: this process's share of both, so that
    the sum over processes is the mean over the whole batch."""
    whole = sum(part.size for part in batch)
    for index, part in enumerate(batch):
        torch.manual_seed(seed_of("transfer", recipe.seed, step, world.rank, index))
        share = part.size / whole / world.size
        try:
            with precision(world.device):
                losses = model(moved(part, world.device))
            (sum(losses[name].float() for name in names) * share).backward()
        except torch.OutOfMemoryError:
            raise Failure(
                f"the GPU's memory does not hold {part.size} of a batch at a time",
                f"take it in smaller parts (--set micro={max(1, part.size // 2)}) or keep less of the backbone "
                "(--set checkpointing=true)",
            ) from None
        for place, name in enumerate(names):
            gradient.notes[place] += losses[name].detach() * share


def trouble(step: int, names: Sequence[str], norm: float, notes: Sequence[float]) -> str:
    """What is no number in a step, in words; empty where all are finite."""
    bad = [name for name, loss in zip(names, notes, strict=False) if not math.isfinite(loss)]
    if bad:
        return f"step {step + 1}: the loss of {', '.join(bad)} is not finite"
    return "" if math.isfinite(norm) else f"step {step + 1}: the gradient is not finite"


def adamw(model: Any, recipe: Train) -> torch.optim.AdamW:
    """AdamW with the recipe's two learning rates; norms, biases, positions and tokens do not decay. A group's
    rate is its `peak` times the schedule's factor."""
    free = undecayed(model)
    slow = recipe.learning_rate if recipe.backbone_learning_rate is None else recipe.backbone_learning_rate
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            groups.setdefault((name.startswith("backbone."), name in free), []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "peak": slow if of_backbone else recipe.learning_rate,
                "weight_decay": 0.0 if undecaying else recipe.weight_decay,
            }
            for (of_backbone, undecaying), parameters in groups.items()
        ],
        lr=recipe.learning_rate,
        fused=True,
    )


def measured(job: Job, world: World, at: Standing, show: Show) -> dict[str, float]:
    """Measure the model on the test images, note the figures, and keep the model in its run."""
    model = job.model.eval()
    if world.size > 1:  # running means of norms differ a little between processes: the leader's hold
        for buffer in model.buffers():
            dist.broadcast(buffer, 0)
    figures = job.task.measure(model, job.data, job.run.record.recipe, world, job.workers, show, False)
    model.train()
    if world.is_main:
        note(job.run, "measured", step=at.step, seconds=round(at.elapsed, 1), figures=figures)
        with SummaryWriter(str(job.run.tensorboard)) as writer:
            for name, value in figures.items():
                writer.add_scalar(f"test/{name}", value, at.step)
        save_model(job.run, model, figures | {"step": at.step})
    return figures


def restore(job: Job, model: nn.Module, optimizer: torch.optim.Optimizer) -> Standing:
    """Put a checkpoint back into what training works on, on any number of processes."""
    kept = job.checkpoint
    assert kept is not None
    try:
        model.load_state_dict(kept.weights)
        optimizer.load_state_dict(kept.optimizer)
    except (RuntimeError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise Failure(f"{job.run.checkpoint} does not fit its recipe: {reason}", "train anew") from None
    return kept.standing
