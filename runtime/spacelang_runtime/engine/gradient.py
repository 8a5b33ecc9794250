"""The gradients of a model as one vector, so that they are cleared, summed over processes and clipped at once.

**One message.** Summing the 54 million gradients of `s3.space` over n processes moves 2 · 216 MB · (n - 1) / n in
and out of each GPU. At 80 % of the 450 GB/s that the NVLink of an H200 has in each direction, that is 0.6 ms on two
GPUs (0.8 measured) and 0.9 ms on four, of a step of more than 100 ms. Hiding it behind a backward pass in pieces
could win less than one part in a hundred, and would need every backward pass to say when a parameter is done; so it
is sent once, when all networks have added theirs.

**Sharded**, each process is sent the sum of its own part only (a reduce-scatter), updates that part of the weights
and hands it round (an all-gather; `optimizer`): the same bytes in all, and 1/n of the optimizer's memory (ZeRO's
first stage; Rajbhandari et al., 2020).
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.distributed as dist
from attrs import frozen
from torch import Tensor, nn

from spacelang_runtime.engine.distributed import together

ALIGNMENT = 32  # elements: each gradient starts on a 128-byte boundary, where vector loads are fastest


@frozen(eq=False)
class Gradient:
    """All gradients of a model, one after the other, and a few notes that travel with them.

    values: the gradients, float32; each parameter's `.grad` is a view of its part, into which backward adds.
    A part that no network of a step touched stays zero, on every process. notes: numbers to be summed over
    the processes. starts: where each parameter's part begins. own: the part of the sum that this process
    updates the weights by: all of it, or where it is sharded the `rank`-th of as many parts as processes.
    """

    values: Tensor
    notes: Tensor
    buffer: Tensor  # the two together
    parameters: tuple[nn.Parameter, ...]
    starts: tuple[int, ...]
    own: Tensor

    @property
    def sharded(self) -> bool:
        return len(self.own) < len(self.values)

    @property
    def place(self) -> int:
        """Where this process's own part begins."""
        return dist.get_rank() * len(self.own) if self.sharded else 0

    def own_of(self, vector: Tensor) -> Tensor:
        """This process's own part of a vector that lies as the values do."""
        return vector[self.place : self.place + len(self.own)]

    def cut(self, first: int) -> tuple[Gradient, Gradient]:
        """The gradient of the parameters before one, by its number, and that of it and those after it; not of a
        sharded one."""
        start = self.starts[first]
        before, after = self.values[:start], self.values[start:]
        return (
            Gradient(before, self.notes, self.buffer, self.parameters[:first], self.starts[:first], before),
            Gradient(
                after,
                self.notes,
                self.buffer,
                self.parameters[first:],
                tuple(place - start for place in self.starts[first:]),
                after,
            ),
        )

    def clear(self) -> None:
        """Set everything to zero."""
        self.buffer.zero_()

    def reduce(self) -> tuple[float, list[float]]:
        """Sum everything over the processes: gives the 2-norm of the gradient and the notes. Waits for the device.

        Raises `Failure` where one of the processes has died.
        """
        with together():
            if self.sharded:
                dist.reduce_scatter_tensor(self.own, self.values)
            elif dist.is_initialized():
                dist.all_reduce(self.buffer)
            squares = torch.linalg.vector_norm(self.own).square()
            figures = torch.cat([squares[None], self.notes])
            if self.sharded:
                dist.all_reduce(figures)
        square, *notes = figures.tolist()
        return square**0.5, notes

    def clip(self, norm: float, limit: float, scale: float = 1.0) -> None:
        """Make a gradient that was scaled by `scale`, and without that has the norm `norm`, what it is; and scale
        it down to `limit`. A limit of 0 is none."""
        factor = (limit / norm if limit and norm > limit else 1.0) / scale
        if factor != 1.0:
            self.own.mul_(factor)


def attach(parameters: Iterable[nn.Parameter], notes: int, shards: int = 1) -> Gradient:
    """Give every parameter a gradient of zero inside one new vector with room for so many notes.

    shards: in how many parts the processes share it out; 1: not at all.
    """
    parameters = tuple(parameter for parameter in parameters if parameter.requires_grad)
    starts, length = [], 0
    for parameter in parameters:
        starts.append(length)
        length += rounded(parameter.numel(), ALIGNMENT)
    length = rounded(length, ALIGNMENT * shards)
    buffer = torch.zeros(length + notes, device=parameters[0].device)
    values = buffer[:length]
    for parameter, start in zip(parameters, starts, strict=True):
        parameter.grad = values[start : start + parameter.numel()].view_as(parameter)
    own = values if shards == 1 else torch.zeros(length // shards, device=buffer.device)
    return Gradient(values, buffer[length:], buffer, parameters, tuple(starts), own)


def rounded(number: int, step: int) -> int:
    """The least multiple of `step` that is not less than `number`."""
    return -(-number // step) * step
