"""The weights of a supernet in the type of its products, cast once for all networks that share a step."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

_KEPT: WeakKeyDictionary[nn.Module, Weights] = WeakKeyDictionary()


class Weights:
    """Copies of all parameters of a model in one type; the parameters themselves where they have it already.

    The copies keep their places in memory for as long as the parameters do, so that a recorded CUDA graph may
    read them.
    """

    def __init__(self, model: nn.Module, dtype: torch.dtype) -> None:
        self.dtype = dtype
        self._parameters = list(model.parameters())
        self._places = _places(self._parameters)
        self._seen: list[int] = []
        if all(parameter.dtype == dtype for parameter in self._parameters):
            self._copies = [parameter.detach() for parameter in self._parameters]
        else:
            self._copies = [torch.empty_like(parameter, dtype=dtype) for parameter in self._parameters]
        self._of = dict(zip(map(id, self._parameters), self._copies, strict=True))

    def __getitem__(self, parameter: Tensor) -> Tensor:
        return self._of[id(parameter)]

    def fits(self, model: nn.Module, dtype: torch.dtype, counted: bool) -> bool:
        """Whether these are (still) the weights of this model in this type. counted: they are moved together."""
        if dtype != self.dtype:
            return False
        if counted:
            return _places([next(model.parameters())]) == self._places[:1]
        return _places(list(model.parameters())) == self._places

    def refresh(self, counted: bool) -> None:
        """Copy the parameters; where their changes are counted, only if they have changed since the last time."""
        seen = [parameter._version for parameter in self._parameters]
        if not counted or seen != self._seen:
            self._seen = seen
            if self._copies and self._copies[0].data_ptr() != self._parameters[0].data_ptr():
                torch._foreach_copy_(self._copies, self._parameters)


def weights(model: nn.Module, dtype: torch.dtype, counted: bool = False) -> Weights:
    """The weights of a model as they are now.

    counted: whether whoever changes them also counts their versions up and moves all or none of them, as
    `optimizer.Optimizer` does and torch's fused optimizers do not; then they are cast after a change alone, and not
    for every network.
    """
    with torch.inference_mode(False), torch.no_grad():  # what evaluation casts serves training too
        cast = _KEPT.get(model)
        if cast is None or not cast.fits(model, dtype, counted):
            cast = _KEPT[model] = Weights(model, dtype)
        cast.refresh(counted)
    return cast


def _places(parameters: list[nn.Parameter]) -> list[tuple[int, int]]:
    return [(id(parameter), parameter.data_ptr()) for parameter in parameters]


def gradient(parameter: nn.Parameter) -> Tensor:
    """Where the gradient of a parameter is summed up; zeros where it has none yet."""
    if parameter.grad is None:
        parameter.grad = torch.zeros_like(parameter)
    return parameter.grad
