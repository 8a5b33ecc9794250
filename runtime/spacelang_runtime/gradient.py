"""The gradients of a model as one vector, so that they are cleared, summed over processes and clipped at once."""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.distributed as dist
from attrs import frozen
from torch import Tensor, nn

ALIGNMENT = 32  # elements: each gradient starts on a 128-byte boundary, where vector loads are fastest


@frozen(eq=False)
class Gradient:
    """All gradients of a model, one after the other, and a few notes that travel with them.

    values: the gradients, float32; each parameter's `.grad` is a view of its part, into which backward adds.
    A part that no network of a step touched stays zero, on every process. notes: numbers to be summed over
    the processes in the same message.
    """

    values: Tensor
    notes: Tensor
    buffer: Tensor  # the two together

    def clear(self) -> None:
        """Set everything to zero."""
        self.buffer.zero_()

    def reduce(self) -> None:
        """Sum everything over the processes, in one message."""
        if dist.is_initialized():
            dist.all_reduce(self.buffer)

    def read(self) -> tuple[float, list[float]]:
        """The 2-norm of the gradient, and the notes; waits for the device."""
        norm, *notes = torch.cat([torch.linalg.vector_norm(self.values)[None], self.notes]).tolist()
        return norm, notes

    def clip(self, norm: float, limit: float) -> None:
        """Scale the gradient, whose norm is `norm`, down to `limit`; a limit of 0 is none."""
        if limit and norm > limit:
            self.values.mul_(limit / norm)


def attach(parameters: Iterable[nn.Parameter], notes: int) -> Gradient:
    """Give every parameter a gradient of zero inside one new vector with room for so many notes."""
    parameters = [parameter for parameter in parameters if parameter.requires_grad]
    starts, length = [], 0
    for parameter in parameters:
        starts.append(length)
        length += -(-parameter.numel() // ALIGNMENT) * ALIGNMENT
    buffer = torch.zeros(length + notes, device=parameters[0].device)
    for parameter, start in zip(parameters, starts, strict=True):
        parameter.grad = buffer[start : start + parameter.numel()].view_as(parameter)
    return Gradient(buffer[:length], buffer[length:], buffer)
