"""What networks tell right of the held-out images while they train: a look, from which nothing is learned."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
import torch
from attrs import frozen
from torch import Tensor, nn

from spacelang.architecture import Architecture
from spacelang.recipe import Train
from spacelang_runtime.data import LabelledSplit
from spacelang_runtime.data.decoded import Decoded, decoded
from spacelang_runtime.engine.checkpoint import TrainerState
from spacelang_runtime.engine.distributed import World, all_gather, precision
from spacelang_runtime.engine.record import Limits
from spacelang_runtime.engine.run import RunFolder
from spacelang_runtime.interrupt import at_once
from spacelang_runtime.tasks.supernet.best_weights import keep_best
from spacelang_runtime.tasks.supernet.sandwich import Kind, Subnets

LOOKS = 10  # over a run
MOST, LEAST = 1000, 100  # images of a look: a share of 1 000 is sure to about 3 points
COST = 125  # a look takes one image for so many that are learned from: all looks together, some hundredths
BATCH = 100
TAG = "held out"

Accuracies = dict[str, float | None]


class ValidatedSetup(Protocol):
    """What is asked of a setup."""

    @property
    def run(self) -> RunFolder: ...
    @property
    def subnets(self) -> Subnets: ...
    @property
    def limits(self) -> Limits: ...


def networks(run: RunFolder, subnets: Subnets, recipe: Train) -> dict[str, Architecture]:
    """The networks that are looked at: of a space the largest, the smallest, and a random one, the same at every
    look; or the only one. An end of the space that the training has no part in, neither in its sandwich nor inside
    its bounds, is left out."""
    if run.record.network:
        return {"network": subnets.largest}
    (drawn,) = subnets.draw(recipe.seed, LOOKED, 1)
    every: dict[Kind, Architecture] = {"largest": subnets.largest, "smallest": subnets.smallest, "random": drawn}
    left = {kind for kind in subnets.outside if not getattr(recipe.sandwich, kind)}
    return {kind: architecture for kind, architecture in every.items() if kind not in left}


LOOKED = 2**40  # a step that no training comes to: its random network is none of a sandwich


def count(recipe: Train, steps: int, held_out: int) -> int:
    """How many images a look takes, of those that are held out."""
    return min(held_out, MOST, max(LEAST, steps * recipe.batch // COST))


@frozen(eq=False)
class Validation:
    """The validation of networks on the first images of a split. images: of this process, of which the
    first one is the rank's."""

    names: Mapping[str, Architecture]
    images: Decoded
    normalise: Callable[[Tensor], Tensor]

    def __call__(self, model: nn.Module, world: World) -> Accuracies:
        """The share that each network tells right, over all processes; None of no images."""
        training = model.training
        model.eval()
        try:
            right = [self._right(model, architecture, world) for architecture in self.names.values()]
        finally:
            model.train(training)
        every = all_gather(world, [len(range(world.rank, len(self.images), world.size)), *right])
        whole, *sums = (sum(column) for column in zip(*every, strict=True))
        return {name: told / whole if whole else None for name, told in zip(self.names, sums, strict=True)}

    def _right(self, model: nn.Module, architecture: Architecture, world: World) -> int:
        own = np.arange(world.rank, len(self.images), world.size)
        right = 0
        for first in range(0, len(own), BATCH):
            rows = own[first : first + BATCH]
            pictures = torch.from_numpy(np.ascontiguousarray(self.images.pictures[rows])).to(world.device)
            labels = torch.from_numpy(self.images.labels[rows]).to(world.device)
            with torch.inference_mode(), precision(world.device):
                right += int((model(self.normalise(pictures), architecture).argmax(1) == labels).sum())
        return right


def looking(
    run: RunFolder, subnets: Subnets, recipe: Train, steps: int, split: LabelledSplit | Sequence[object]
) -> Callable[[nn.Module, TrainerState, World], Accuracies]:
    """What an evaluation of a training is: a look, whose figures are these accuracies. The images are
    decoded at the first one. It draws nothing from the trainer's generators, and leaves the model as it is."""
    kept: list[Validation] = []

    def evaluate(model: nn.Module, state: TrainerState, world: World) -> Accuracies:
        with at_once():
            if not kept:
                assert isinstance(split, LabelledSplit)
                images = decoded(split, count(recipe, steps, len(split)), lambda _: None)
                kept.append(Validation(networks(run, subnets, recipe), images, split.normalise))
            accuracies = kept[0](model, world)
        if world.is_main and run.record.keep == "best":
            keep_best(run, model, state.step, next(iter(accuracies.values())))
        return accuracies

    return evaluate
