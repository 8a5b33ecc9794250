"""Where the gradient of a step comes from: a sandwich of a supernet, one network, a model with a task's losses.

All are the same to the trainer: micro-steps over parts of a batch, whose gradients add up.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, Literal

import torch
from attrs import frozen
from torch import Tensor

from spacelang_runtime.engine.distributed import World, precision
from spacelang_runtime.engine.gradient import Gradient
from spacelang_runtime.engine.memory import is_exhausted
from spacelang_runtime.seeding import seed_device


@frozen(eq=False)
class MicroStep:
    """One forward and backward pass of a step. network: what is named where its loss is not finite; empty:
    nothing. seed: of all that is drawn in it. images: in it. weight: of its gradient in the step's, as a share of
    this process. loss_weights: by loss, how much it counts in that loss of the step, as a share of this
    process.
    backward: adds so much times the gradient to the parameters' `.grad`, and gives the losses by name."""

    network: str
    seed: int
    images: int
    weight: float
    loss_weights: Mapping[str, float]
    backward: Callable[[float], Mapping[str, Tensor]]


@frozen(eq=False)
class Objective:
    """What a training minimises.

    losses: their names. reported: those of them that are there in every step. batches: from a step on, so many,
    what a process takes in each; in parts of at most `micro` images (0: as they come), where workers make the
    parts. micro_steps: those of a step (counted from 0) over its batch, at most `micro` images in each. multiple:
    what `micro` has to be a multiple of. unit: what the images of a batch are called. less: what else may save
    memory, in words.
    """

    losses: Sequence[str]
    reported: Sequence[str]
    batches: Callable[[int, int, int, World], Generator[Any, None, None]]
    micro_steps: Callable[[int, Any, int, World], Sequence[MicroStep]]
    multiple: int = 1
    unit: str = "images"
    less: str = ""


def accumulate(
    micro_steps: Sequence[MicroStep],
    names: Sequence[str],
    gradient: Gradient,
    world: World,
    dtype: torch.dtype,
    scale: float,
    stopping: Callable[[], bool],
) -> Literal["done", "abandoned", "out of memory"]:
    """Add `scale` times the gradient of a step to `gradient`, and its losses to the notes. It is abandoned where
    `stopping` becomes true.

    Both are this process's share: summed over the processes, they are the means over the whole batch.
    """
    try:
        for one in micro_steps:
            if stopping():
                return "abandoned"
            seed_device(one.seed, world.device)
            with precision(world.device, dtype):
                losses = one.backward(one.weight / world.size * scale)
            for name, weight in one.loss_weights.items():
                gradient.notes[names.index(name)] += losses[name] * (weight / world.size)
    except (MemoryError, RuntimeError) as error:
        if not is_exhausted(error):
            raise
        return "out of memory"  # outside, where no traceback holds what the pass has made
    return "done"


def parts(count: int, micro: int) -> list[slice]:
    """So many images in as few parts as may be of at most `micro` (0: all in one), as even as can be."""
    number = -(-count // micro) if micro else 1
    return [slice(part * count // number, (part + 1) * count // number) for part in range(number)]


def in_parts(items: Sequence[Any], micro: int) -> list[Sequence[Any]]:
    """Items in such parts."""
    return [items[rows] for rows in parts(len(items), micro)]
