"""The one trainer: of supernets, of one network, and of the tasks that have a network as their backbone.

A step: one batch; micro-steps over it, whose gradients add up (`objective`); one update. Read `train` from top to
bottom.

**Randomness.** A step's batch and all that is drawn in it follow from the seed and the step's number alone. A run
that is cut and resumed therefore repeats the uncut one, without any generator's state being kept.

**Many processes.** Each takes its share of the batch. One message a step sums the gradients, the losses, the
wish to stop and the leader's clock, so that all processes decide alike what depends on these.

**Little memory.** A batch may be taken in parts. Where memory does not bear as many images at a time as asked, a
process makes its share of the step anew with half as many, and goes on so; the others need not know, since its
gradient is the same but for rounding.

**fp16**, where a GPU has no bf16, is trained in with a loss scale. A step whose gradient overflows is skipped.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

import attrs
import torch
from attrs import field, frozen
from torch import nn

from spacelang.amount import counted
from spacelang_runtime.engine.checkpoint import Checkpoint, TrainerState
from spacelang_runtime.engine.distributed import World, barrier, training_dtype
from spacelang_runtime.engine.learner import learner
from spacelang_runtime.engine.lock import sole_writer
from spacelang_runtime.engine.loss_scale import LEAST, LossScale
from spacelang_runtime.engine.memory import enough_memory
from spacelang_runtime.engine.objective import MicroStep, Objective, accumulate
from spacelang_runtime.engine.optimizer import ParameterSpans, optimizer_of
from spacelang_runtime.engine.record import Limits
from spacelang_runtime.engine.run import RunFolder, removed_unless_saved
from spacelang_runtime.engine.scalars import scalars
from spacelang_runtime.engine.schedule import expected_updates, finished, progress
from spacelang_runtime.engine.step import Observe, step_after
from spacelang_runtime.engine.threads import suited
from spacelang_runtime.engine.throughput import Throughput
from spacelang_runtime.engine.trace import tracing
from spacelang_runtime.failure import Failure, Interrupted, Stopped
from spacelang_runtime.interrupt import interruptible

STREAK = 10  # steps without a finite loss, one after the other, that end a run


@frozen(eq=False)
class Training:
    """What a training is about: all in which one task differs from another.

    model: on its device. objective: what is minimised. parameters: those that learn, see `optimizer_of`. rate:
    the learning rate at a progress from 0 to 1 of a run of so many updates, in the groups' units. batch: images a
    step, over all processes; micro: how many a process takes at a time (0: all). work: MACs of the largest pass
    that a step may have, were it made by one process; None: not known. clip: largest norm of the gradient (0:
    none). ema: decay of the averaged weights (0: none). name, digest: see `Checkpoint`. resume: the command by
    which it goes on. remedy: what helps where losses are not finite. prepare: what is done before the first step;
    it may add to gradients. evaluate: figures of the model at a state (None: undefined), with its averaged
    weights where they are averaged, which it also keeps, and then knows; all processes take part; stopped, it
    raises `KeyboardInterrupt`. evaluations: how many over the run, evenly spaced, the last at its end. measured:
    on what, as TensorBoard shows it. checkpoint: where to go on from.
    """

    run: RunFolder
    model: nn.Module
    objective: Objective
    parameters: ParameterSpans
    rate: Callable[[float, float], float]
    limits: Limits
    batch: int
    clip: float
    resume: str
    remedy: str
    name: str = ""
    digest: str = ""
    micro: int = 0
    work: int | None = None
    ema: float = 0.0
    prepare: Callable[[World], None] = lambda world: None
    evaluate: Callable[[nn.Module, TrainerState, World], dict[str, float | None]] = lambda *_: {}
    evaluations: int = 0
    measured: str = "test"
    checkpoint: Checkpoint | None = None


@frozen
class TrainingResult:
    """How far a training has come. figures: of its last evaluation; empty where it makes none."""

    state: TrainerState
    figures: dict[str, float | None] = field(factory=dict)


def train(
    training: Training,
    world: World,
    observe: Observe,
    *,
    profile: bool = False,
    every: float = 300.0,
    shard: bool = False,
    dtype: torch.dtype | None = None,
) -> TrainingResult:
    """Train until the limits are reached; keep a checkpoint every so many seconds, at every evaluation and at the
    end.

    shard: whether each process keeps only its part of the optimizer's state. dtype: of products; None: what suits
    the device. Raises `Failure` at once where another process writes the run; where it is interrupted, where ten
    losses in a row are no numbers, where a process has died, where memory or disk do not suffice: what was learned
    until then is in the run's checkpoint, but for the last three, which leave the one before. A run that fails
    before its first checkpoint is taken away.
    """
    run, limits, objective, model = training.run, training.limits, training.objective, training.model.train()
    names, dtype = objective.losses, dtype or training_dtype(world.device)
    stop, clock = len(names), len(names) + 1  # the notes that travel with a gradient, after the losses
    units = max(group.rate for group, _ in training.parameters)
    figures: dict[str, float | None] = {}

    with ExitStack() as stack:
        if world.is_main:
            stack.enter_context(sole_writer(run.folder))
            stack.enter_context(removed_unless_saved(run))
        stopping = stack.enter_context(interruptible())
        alone = stopping if world.size == 1 else lambda: False
        stack.enter_context(enough_memory(training.batch))
        if training.work is not None:
            stack.enter_context(suited(training.work // world.size, world.device))
        optimizer = optimizer_of(training.parameters, len(names) + 2, world.size if shard else 1)
        learned = learner(model, optimizer, training.ema)
        gradient = optimizer.gradient
        training.prepare(world)
        state = learned.restore(run, training.checkpoint) if training.checkpoint else TrainerState()
        if dtype == torch.float16 and state.loss_scale is None:
            state = attrs.evolve(state, loss_scale=LossScale())
        good = state

        def save(state: TrainerState) -> None:
            learned.save(run, training.name, training.digest, limits, state, world)

        def interrupted(state: TrainerState) -> Interrupted:
            done = f"stopped at step {state.step} of {limits.steps}; all until there is kept"
            return Interrupted(done, f"go on with: {training.resume}")

        def evaluated(state: TrainerState) -> dict[str, float | None]:
            if alone():
                raise interrupted(state)
            try:
                figures = training.evaluate(learned.scored, state, world)
            except KeyboardInterrupt:  # the checkpoint is there, and whoever goes on evaluates it
                raise interrupted(state) from None
            if board:
                board.measured(training.measured, figures, state.step)
            return figures

        board = stack.enter_context(scalars(run.tensorboard, state.step)) if world.is_main else None
        watchers = [observe, board.observe] if board else []
        traced = stack.enter_context(tracing(run.trace, world)) if profile else lambda: None
        micro, notice = state.micro or training.micro, ""
        batches = objective.batches(state.step, limits.steps - state.step, micro, world)
        stack.callback(lambda: batches.close())
        throughput = Throughput()
        began, saved = time.monotonic() - state.elapsed, state.elapsed

        if state.owed:
            figures, state = evaluated(state), attrs.evolve(state, owed=False)
            began = time.monotonic() - state.elapsed

        while not finished(limits, state.step, state.elapsed):
            micro_steps = objective.micro_steps(state.step, throughput.wait(batches), micro, world)
            scale = state.loss_scale.scale if state.loss_scale and dtype == torch.float16 else 1.0

            # The gradients of all micro-steps add up in the same place …
            gradient.clear()
            outcome = accumulate(micro_steps, names, gradient, world, dtype, scale, alone)
            if outcome == "abandoned":
                break  # nothing of this step has reached the weights
            if outcome == "out of memory":
                micro = fewer(micro_steps, objective, world)
                state, micro_steps = attrs.evolve(state, micro=micro), ()
                notice = f"memory does not hold as many {objective.unit} at a time: from now on {micro}"
                batches.close()
                batches = objective.batches(state.step, limits.steps - state.step, micro, world)
                continue  # with the same step

            # … and are summed over the processes.
            gradient.notes[stop] = float(stopping())
            gradient.notes[clock] = time.monotonic() - began if world.is_main else 0.0
            norm, notes = gradient.reduce()
            norm /= scale

            # One update, unless it would be of no numbers.
            before = progress(limits, state.step, state.elapsed)
            ahead = progress(limits, state.step + 1, state.elapsed)
            rate = training.rate(ahead, expected_updates(limits, state.step, state.elapsed))
            problem = trouble(state.step, micro_steps, names, norm, notes)
            overflowed = scale > LEAST and not math.isfinite(norm) and all(map(math.isfinite, notes))
            if not problem:
                gradient.clip(norm, training.clip, scale)
                learned.update(rate, state.step + 1)

            # Where this leaves us.
            throughput.stepped()
            losses = {name: notes[i] for i, name in enumerate(names) if name in objective.reported}
            state = state.after(notes[clock], losses, throughput.waited, problem, overflowed)
            evaluations, now = training.evaluations, progress(limits, state.step, state.elapsed)
            due = math.floor(now * evaluations) > math.floor(before * evaluations)
            state = attrs.evolve(state, owed=due)
            good = good if problem else state
            if overflowed:
                problem += f" in fp16 at a loss scale of {scale:g}, which is halved"
            step = step_after(
                limits, state, throughput, training.batch, units * rate, norm, problem, notice, figures
            )
            notice = ""
            for watch in watchers:
                watch(step)
            traced()
            if state.streak == STREAK:
                save(good)
                raise Stopped(
                    f"{STREAK} steps in a row without a finite loss; the last: {problem}",
                    f"the weights of step {good.step} are kept in {run.name}; {training.remedy}",
                )
            if notes[stop]:
                break
            if due or state.elapsed - saved >= every:  # by the leader's clock: all processes take part
                save(state)
                saved = state.elapsed
            if due:
                asked = time.monotonic()
                figures, state = evaluated(state), attrs.evolve(state, owed=False)
                began += time.monotonic() - asked  # what evaluating takes is no training
                throughput.rested()

        save(state)
        barrier(world)
        if not finished(limits, state.step, state.elapsed):
            raise interrupted(state)
        if state.owed or (training.evaluations and not figures):  # it was stopped before its last evaluation
            figures, state = evaluated(state), attrs.evolve(state, owed=False)
            save(state)
    return TrainingResult(state, figures)


def fewer(micro_steps: Sequence[MicroStep], objective: Objective, world: World) -> int:
    """How many images to take at a time, where memory has not borne those of some micro-steps. Raises `Failure`
    where fewer cannot be."""
    most = max(one.images for one in micro_steps)
    half = most // 2 // objective.multiple * objective.multiple
    if half:
        torch.cuda.empty_cache()
        return half
    many = counted(most, objective.unit.removesuffix("s"))
    where = "the GPU's memory" if world.device.type == "cuda" else "main memory"
    raise Failure(
        f"{where} does not hold a step that takes {many} at a time, and fewer cannot be",
        objective.less,
    )


def trouble(
    step: int, micro_steps: Sequence[MicroStep], names: Sequence[str], norm: float, notes: Sequence[float]
) -> str:
    """What is no number in a step, in words; empty where all are finite."""
    bad = [name for name, loss in zip(names, notes, strict=False) if not math.isfinite(loss)]
    if bad:
        networks = dict.fromkeys(
            one.network for one in micro_steps if one.network and set(bad) & set(one.loss_weights)
        )
        of = f" ({', '.join(networks)})" if networks else ""
        return f"step {step + 1}: the loss of {', '.join(bad)} is not finite{of}"
    return "" if math.isfinite(norm) else f"step {step + 1}: the gradient is not finite"
