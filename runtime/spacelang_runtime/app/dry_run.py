"""What a training of a space, or of one network, would be: its data looked at down to the last byte, some of its
steps made and forgotten."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING

from attrs import frozen

from spacelang_runtime.app.learn import TrainingOptions
from spacelang_runtime.app.watching import Say, silent
from spacelang_runtime.app.workers import readers

if TYPE_CHECKING:
    from spacelang.space import Space
    from spacelang_runtime.data import Dataset
    from spacelang_runtime.engine.distributed import World
    from spacelang_runtime.engine.record import Limits
    from spacelang_runtime.tasks.supernet.setup import TrainRequest

STATE = 16  # bytes of a parameter that learns: weight, gradient and AdamW's two moments, in float32
OF_MUON = 12  # of one that Muon updates, which has one moment
PROBED = 3.0  # seconds of steps


@frozen(eq=False)
class DryRun:
    """A training that has not begun. space: with the recipe and the classes that it would have. messages: what is
    to be said of the data, in lines. params: of the supernet, or of the one network. states: bytes of their
    weights, gradients and moments. step_time: seconds a step. memory: the most bytes that some steps took: of
    the GPU, or of the process."""

    space: Space
    dataset: Dataset
    limits: Limits
    messages: tuple[str, ...]
    params: int
    states: int
    step_time: float
    memory: int
    device: str
    processes: int

    @property
    def seconds(self) -> float:
        """What the training would take."""
        whole = self.limits.steps * self.step_time
        return whole if self.limits.budget is None else min(whole, self.limits.budget)


def dry_run_of(
    request: TrainRequest, options: TrainingOptions = TrainingOptions(), say: Say = silent
) -> DryRun | None:
    """What a training would be, of which nothing is kept. None in a process that only helped. Raises `Failure` for
    what cannot be trained."""
    from spacelang_runtime.engine.distributed import join
    from spacelang_runtime.engine.schedule import limits
    from spacelang_runtime.tasks.supernet.setup import opened

    messages: list[str] = []
    with join(options.device) as world:
        asked, dataset = opened(request, world, readers(options.workers), messages.append, whole=True)
        space = asked.space
        bounds = limits(space.train, dataset.steps_per_epoch(space.train.batch), asked.steps, asked.budget)
        heard = len(messages)
        params, states, step_time = _probed(asked, dataset, bounds, options, world)
        for line in messages[heard:]:
            say(line)
        if not world.is_main:
            return None
        memory = _memory(world)
        own = (str(world.device), world.size)
        return DryRun(space, dataset, bounds, tuple(messages[:heard]), params, states, step_time, memory, *own)


def _probed(
    asked: TrainRequest, dataset: Dataset, bounds: Limits, options: TrainingOptions, world: World
) -> tuple[int, int, float]:
    """The parameters that learn, the bytes that they take, and the seconds of a step."""
    from pathlib import Path

    from spacelang.lower.lowered import lower
    from spacelang_runtime.engine.probe import seconds_a_step
    from spacelang_runtime.engine.record import Data, Record
    from spacelang_runtime.engine.run import RunFolder
    from spacelang_runtime.engine.supernet import untrained
    from spacelang_runtime.tasks.supernet.objective import SupernetSetup, training
    from spacelang_runtime.tasks.supernet.setup import subnets_in

    lowered = lower(asked.space)
    model = untrained(lowered, world.device)
    model.checkpointing = options.checkpointing
    data = Data(asked.data, dataset.name, dataset.fingerprint, dataset.classes)
    record = Record("supernet", data, bounds, str(world.device), (), network=asked.network)
    run = RunFolder(Path(), record)
    setup = SupernetSetup(run, asked.space, model, subnets_in(run, lowered), dataset, bounds, micro=asked.micro)
    step_time = seconds_a_step(training(setup), world, PROBED, "stopped before there was anything to tell")
    params = sum(parameter.numel() for parameter in model.parameters())
    of_muon = model.matrices() if asked.space.train.optimizer == "muon" else {}
    matrices = sum(model.get_parameter(name).numel() for name in of_muon)
    return params, STATE * (params - matrices) + OF_MUON * matrices, step_time


def _memory(world: World) -> int:
    import torch

    if world.device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(world.device))
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
