"""Sandwich training of a supernet (Alg. 1 of Chen et al., 2021, supplement).

A step: one batch; several networks of the space on it, each with the weights of the supernet; their gradients
fused into one; one update. Read `train` from top to bottom.

**Fused** is the mean over the sandwich, not the sum. AdamW divides a gradient by its own running size, so the
update is the same for either; what differs is clipping, whose threshold then means the same for one network as
for a sandwich of any size. A recipe's `learning_rate` and `clip` are for the mean.

**Randomness.** A step's batch, networks and drop-path follow from the seed and the step's number alone. A run
that is cut and resumed therefore repeats the uncut one, without any generator's state being kept.

**Many processes.** Each takes its share of the batch. One message a step sums the gradients, the losses, the
wish to stop and the leader's clock, so that all processes decide alike what depends on these.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing

import torch
from attrs import frozen

from spacelang.recipe import Sandwich, Train
from spacelang.space import Space
from spacelang_runtime.data import Batch, Dataset
from spacelang_runtime.engine.checkpoint import STREAK, Checkpoint, Standing
from spacelang_runtime.engine.distributed import World, barrier, precision
from spacelang_runtime.engine.gradient import Gradient
from spacelang_runtime.engine.learner import learner
from spacelang_runtime.engine.lock import sole_writer
from spacelang_runtime.engine.memory import enough_memory
from spacelang_runtime.engine.record import Limits
from spacelang_runtime.engine.run import Run, kept_if_learned
from spacelang_runtime.engine.scalars import scalars
from spacelang_runtime.engine.schedule import finished, progress, schedule
from spacelang_runtime.engine.step import Observe, step_after
from spacelang_runtime.engine.throughput import Throughput
from spacelang_runtime.engine.trace import tracing
from spacelang_runtime.failure import Failure, Interrupted, Stopped
from spacelang_runtime.fused.learn import learn
from spacelang_runtime.interrupt import interruptible
from spacelang_runtime.nn.supernet import Supernet
from spacelang_runtime.seeding import seed_of
from spacelang_runtime.tasks.supernet.precompile import precompile
from spacelang_runtime.tasks.supernet.sandwich import KINDS, Member, Source, sandwich

STOP, CLOCK = len(KINDS), len(KINDS) + 1  # the notes that travel with a gradient, after the losses


@frozen(eq=False)
class Job:
    """What a training is about. model: the supernet, on its device. checkpoint: where to go on from."""

    run: Run
    space: Space
    model: Supernet
    source: Source
    dataset: Dataset
    limits: Limits
    checkpoint: Checkpoint | None = None


def train(
    job: Job,
    world: World,
    observe: Observe,
    *,
    profile: bool = False,
    every: float = 300.0,
    shard: bool = False,
) -> Standing:
    """Train until the job's limits are reached; keep a checkpoint every so many seconds, and at the end.

    shard: whether each process keeps only its part of the optimizer's state. Raises `Failure` where it is
    interrupted, where ten losses in a row are no numbers, where a process has died, where memory or disk do not
    suffice: what was learned until then is in the run's checkpoint, but for the last three, which leave the one
    before. A run that fails before its first checkpoint is taken away.
    """
    recipe, limits, model = job.run.record.recipe, job.limits, job.model.train()
    cosine = schedule(recipe)

    with ExitStack() as stack:
        if world.is_main:
            stack.enter_context(sole_writer(job.run.folder))
            stack.enter_context(kept_if_learned(job.run))
        stopping = stack.enter_context(interruptible())
        stack.enter_context(enough_memory(recipe.batch))
        learned = learner(model, recipe, len(KINDS) + 2, world.size if shard else 1)
        gradient = learned.gradient
        precompile(model, job.source, world.device, float(recipe.drop_path))
        at = learned.restore(job.run, job.checkpoint) if job.checkpoint else Standing()
        good = at

        def save(standing: Standing) -> None:
            learned.save(job.run, job.space, limits, standing, world)

        watchers = [observe, stack.enter_context(scalars(job.run.tensorboard, at.step))] if world.is_main else []
        traced = stack.enter_context(tracing(job.run.trace, world)) if profile else lambda: None
        left = limits.steps - at.step
        batches = stack.enter_context(
            closing(job.dataset.train_batches(at.step, left, world.rank, world.size, world.device))
        )
        pace = Throughput()
        origin, saved = time.monotonic() - at.elapsed, at.elapsed

        while not finished(limits, at.step, at.elapsed):
            batch = pace.wait(batches)
            members = sandwich(job.source, recipe.sandwich, recipe.seed, at.step)

            # Every network's gradients add up in the same place …
            gradient.clear()
            alone = stopping if world.size == 1 else lambda: False
            if not fuse(model, members, batch, gradient, recipe, world, at.step, alone):
                break  # abandoned: nothing of this step has reached the weights

            # … and are summed over the processes.
            gradient.notes[STOP] = float(stopping())
            gradient.notes[CLOCK] = time.monotonic() - origin if world.is_main else 0.0
            norm, notes = gradient.reduce()

            # One update, unless it would be of no numbers.
            rate = cosine.rate(progress(limits, at.step + 1, at.elapsed))
            problem = trouble(at.step, members, norm, notes)
            if not problem:
                gradient.clip(norm, float(recipe.clip))
                learned.update(rate, at.step + 1)

            # Where this leaves us.
            pace.stepped()
            losses = {kind: notes[i] for i, kind in enumerate(KINDS) if getattr(recipe.sandwich, kind)}
            at = at.after(notes[CLOCK], losses, pace.waited, problem)
            good = good if problem else at
            step = step_after(limits, at, pace, recipe.batch, rate, norm, problem)
            for watch in watchers:
                watch(step)
            traced()
            if at.streak == STREAK:
                save(good)
                raise Stopped(
                    f"{STREAK} steps in a row without a finite loss; the last: {problem}",
                    f"the weights of step {good.step} are kept in {job.run.name}; train anew with a smaller "
                    "learning_rate or a smaller clip",
                )
            if notes[STOP]:
                break
            if at.elapsed - saved >= every:  # by the leader's clock: all processes take part
                save(at)
                saved = at.elapsed

        save(at)
        barrier(world)
        if not finished(limits, at.step, at.elapsed):
            raise Interrupted(f"stopped at step {at.step} of {limits.steps}; all until there is kept")
    return at


def fuse(
    model: Supernet,
    members: Sequence[Member],
    batch: Batch,
    gradient: Gradient,
    recipe: Train,
    world: World,
    step: int,
    stopping: Callable[[], bool],
) -> bool:
    """Add the mean gradient of a sandwich to `gradient`, and its losses to the notes; False where it was
    abandoned because `stopping` became true.

    Both are this process's share: summed over the processes, they are the means over the whole batch.
    """
    for index, member in enumerate(members):
        if stopping():
            return False
        try:
            torch.manual_seed(seed_of("drop-path", recipe.seed, step, world.rank, index))
            weight = len(member.kinds) / recipe.sandwich.size / world.size
            with precision(world.device):
                loss = learn(
                    model, member.architecture, batch.images, batch.targets, float(recipe.drop_path), weight
                )
        except torch.OutOfMemoryError:
            raise Failure(
                f"the GPU's memory does not hold a batch of {len(batch.images)} images in a network of "
                f"{member.architecture.depth} layers",
                f"take a smaller batch, such as batch = {max(1, recipe.batch // 2)}, or more GPUs",
            ) from None
        for kind, share in shares(member, recipe.sandwich):
            gradient.notes[KINDS.index(kind)] += loss * (share / world.size)
    return True


def shares(member: Member, mix: Sandwich) -> list[tuple[str, float]]:
    """How much a network counts in the mean loss of each kind that it is of."""
    return [(kind, member.kinds.count(kind) / getattr(mix, kind)) for kind in dict.fromkeys(member.kinds)]


def trouble(step: int, members: Sequence[Member], norm: float, notes: Sequence[float]) -> str:
    """What is no number in a step, in words; empty where all are finite."""
    bad = [kind for kind, loss in zip(KINDS, notes, strict=False) if not math.isfinite(loss)]
    if bad:
        names = [member.architecture.name for member in members if set(bad) & set(member.kinds)]
        return f"step {step + 1}: the loss of {', '.join(bad)} is not finite ({', '.join(names)})"
    return "" if math.isfinite(norm) else f"step {step + 1}: the gradient is not finite"
