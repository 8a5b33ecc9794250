"""A training that has been set up, from its first step to its last."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from attrs import frozen

from spacelang_runtime.app.watching import Watching, silent

if TYPE_CHECKING:
    from spacelang_runtime.engine.checkpoint import TrainerState
    from spacelang_runtime.engine.distributed import World
    from spacelang_runtime.engine.run import RunFolder
    from spacelang_runtime.engine.step import Step
    from spacelang_runtime.tasks.supernet.objective import SupernetSetup


@frozen
class TrainingOptions:
    """How a training is done, which changes nothing of what is learned.

    device: `auto`, `cpu`, `cuda` or `cuda:N`. workers: processes that read images; None: as many as suit. every:
    seconds between two checkpoints. profile: whether a trace of a few steps is kept. shard: whether GPUs share the
    optimizer's memory out among them. checkpointing: whether activations are computed anew for gradients. again:
    how one that was stopped goes on, where it is not by the trainer's own command.
    """

    device: str = "auto"
    workers: int | None = None
    every: float = 300.0
    profile: bool = False
    shard: bool = False
    checkpointing: bool = False
    again: str = ""


@frozen(eq=False)
class Begun:
    """A training that has been set up, and the processes that share it."""

    setup: SupernetSetup
    world: World
    profile: bool = False


@frozen(eq=False)
class TrainingSummary:
    """A training that has come to its end. figures: of the last look at the held-out images, a share by network;
    empty where none are held out. waited: the share of its time spent waiting for data; advice: how to
    wait less, empty where there is nothing to say. skipped: files that could not be read, and why."""

    run: RunFolder
    state: TrainerState
    figures: Mapping[str, float | None]
    waited: float
    advice: str
    skipped: Mapping[str, str]


def learn(
    setup: SupernetSetup, world: World, options: TrainingOptions, watching: Watching[Begun, Step | TrainingSummary]
) -> TrainingSummary:
    """Train to the limits; the leading process is watched, and told of the end too.

    Raises `Stopped` where a user has stopped it, with how it goes on, and `Failure` as `engine.train` does.
    """
    from spacelang_runtime.data.advice import advice
    from spacelang_runtime.engine.distributed import all_gather
    from spacelang_runtime.engine.train import train
    from spacelang_runtime.failure import Interrupted, Stopped
    from spacelang_runtime.tasks.supernet.objective import training

    dataset = setup.dataset
    setup.model.checkpointing = options.checkpointing

    def learned(watch: object) -> TrainingSummary:
        try:
            result = train(
                training(setup), world, watch, profile=options.profile, every=options.every, shard=options.shard
            )
        except Interrupted as stop:
            raise Stopped(stop.message, options.again or stop.remedy) from None
        state = result.state
        waited = state.waited / state.elapsed if state.elapsed else 0.0
        skipped = {file: why for part in all_gather(world, dataset.skipped) for file, why in part.items()}
        return TrainingSummary(setup.run, state, result.figures, waited, advice(dataset, waited) or "", skipped)

    if not world.is_main:
        return learned(silent)
    with watching(Begun(setup, world, options.profile)) as watch:
        trained = learned(watch)
        watch(trained)
    return trained
