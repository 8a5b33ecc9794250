"""A space, data and runs so small that a training takes a second: what the tests of training train."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch
from attrs import evolve, frozen

from spacelang.architecture import Frame
from spacelang.lower.lowered import lower
from spacelang.recipe import Train
from spacelang.space import Searched, Settled, Space, StageSpace
from spacelang_runtime.data import Batch
from spacelang_runtime.engine.create import create
from spacelang_runtime.engine.distributed import World
from spacelang_runtime.engine.record import Data, Limits, Record
from spacelang_runtime.engine.run import RunFolder
from spacelang_runtime.engine.step import Observe
from spacelang_runtime.engine.supernet import untrained
from spacelang_runtime.engine.train import TrainingResult, train
from spacelang_runtime.tasks.supernet.objective import SupernetSetup, training
from spacelang_runtime.tasks.supernet.sandwich import subnets_of

ALONE = World(0, 1, torch.device("cpu"))

RECIPE = Train(
    epochs=4,
    batch=8,
    learning_rate=Fraction(1, 200),
    warmup=1,
    drop_path=Fraction(1, 5),
    ema=Fraction(9, 10),
    seed=3,
)

SPACE = Space(
    name="tiny",
    edition=2026,
    frame=Frame(8, 2, 3, 4, ("bias",), "none", "mean", True),
    stages=(
        StageSpace(
            depth=Searched((1, 2)),
            embed=Searched((8, 16)),
            heads=Searched((2, 4)),
            qkv=Searched((8, 16)),
            mlp=Searched((1, 2)),
            window=Searched((2, 4)),
            head_dim=Settled(4),
        ),
        StageSpace(
            depth=Searched((1, 3)),
            embed=Settled(16),
            heads=Settled(2),
            qkv=Settled(16),
            mlp=Searched((1, Fraction(3, 2))),
            window=Settled(2),
            head_dim=Settled(8),
        ),
    ),
    train=RECIPE,
)


@frozen
class Noise:
    """A data set of random images; the batch of a step depends on the step alone, and ranks share it out."""

    batch: int = 8
    search: tuple[()] = ()  # none are held out
    poisoned: frozenset[int] = frozenset()  # steps whose images are no numbers

    def steps_per_epoch(self, batch: int) -> int:
        return 3

    def train_batches(
        self, first_step: int, steps: int, rank: int, world: int, device: torch.device
    ) -> Iterator[Batch]:
        for step in range(first_step, first_step + steps):
            chance = torch.Generator().manual_seed(step)
            images = torch.randn(self.batch, 3, 8, 8, generator=chance)
            targets = torch.softmax(torch.randn(self.batch, 4, generator=chance), 1)
            if step in self.poisoned:
                images = images * float("nan")
            yield Batch(images[rank::world], targets[rank::world])


def new_run(runs: Path, space: Space = SPACE, limits: Limits = Limits(12)) -> RunFolder:
    record = Record(
        task="supernet",
        data=Data("noise", "noise", "0", ("a", "b", "c", "d")),
        limits=limits,
        device="cpu",
        command=("spacelang", "train", "tiny.space"),
        space=space.name,
    )
    return create(runs, record, "space tiny\n", space)


def new_setup(
    runs: Path, recipe: Train = RECIPE, limits: Limits = Limits(12), dataset: Noise = Noise()
) -> SupernetSetup:
    space = evolve(SPACE, train=recipe)
    run = new_run(runs, space, limits)
    lowered = lower(space)
    model = untrained(lowered, torch.device("cpu"))
    return SupernetSetup(run, space, model, subnets_of(lowered), dataset, limits)


def learn(
    setup: SupernetSetup, observe: Observe = lambda _: None, world: World = ALONE, **how: Any
) -> TrainingResult:
    """Train what a setup is of."""
    return train(training(setup), world, observe, **how)
