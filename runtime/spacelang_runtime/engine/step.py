"""What one training step did, for whoever watches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from attrs import field, frozen

from spacelang_runtime.engine.checkpoint import TrainerState
from spacelang_runtime.engine.record import Limits
from spacelang_runtime.engine.schedule import progress, remaining
from spacelang_runtime.engine.throughput import Throughput


@frozen
class Step:
    """A step of training, when it has ended.

    step: updates so far, this one included. steps: at which the run ends, unless its budget ends it before.
    progress: from 0 to 1. losses: by kind of network (largest, smallest, random), over all processes. rate:
    learning rate. norm: of the gradient, before clipping. images: a second, over all processes, each counted once
    whatever the sandwich. waiting: share of the time spent waiting for data. elapsed, left: seconds. skipped:
    steps so far whose loss or gradient was not finite; problem: says so if this was one, else empty. notice: what
    else the user is to know of, such as memory that does not bear a batch at a time; else empty. figures: of the
    last evaluation before it.
    """

    step: int
    steps: int
    progress: float
    losses: Mapping[str, float]
    rate: float
    norm: float
    images: float
    waiting: float
    elapsed: float
    left: float
    skipped: int
    problem: str
    notice: str = ""
    figures: Mapping[str, float | None] = field(factory=dict)


Observe = Callable[[Step], None]


def step_after(
    limits: Limits,
    state: TrainerState,
    throughput: Throughput,
    batch: int,
    rate: float,
    norm: float,
    problem: str,
    notice: str = "",
    figures: Mapping[str, float | None] = MappingProxyType({}),
) -> Step:
    """The step that has led to `state`, of so many images."""
    return Step(
        step=state.step,
        steps=limits.steps,
        progress=progress(limits, state.step, state.elapsed),
        losses=state.losses,
        rate=rate,
        norm=norm,
        images=batch / throughput.seconds,
        waiting=throughput.waiting,
        elapsed=state.elapsed,
        left=remaining(limits, state.step, state.elapsed, throughput.seconds),
        skipped=state.skipped,
        problem=problem,
        notice=notice,
        figures=figures,
    )
