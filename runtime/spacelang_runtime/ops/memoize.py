"""Tensors that follow from sizes alone, made once."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import wraps

import torch
from torch import Tensor


def memoize(make: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Remember what a function makes of its arguments, which are hashable and among them the device.

    The tensor serves training too when it was first needed in inference mode. A stand-in that a tracer makes
    in a tensor's place is not kept; a compiler takes what makes the tensor into its own graph.
    """
    results: dict[tuple[Hashable, ...], Tensor] = {}

    @wraps(make)
    def remembered(*key: Hashable) -> Tensor:
        if torch.compiler.is_compiling():
            return make(*key)
        if key in results:
            return results[key]
        with torch.inference_mode(False):
            made = make(*key)
        if type(made) is Tensor:
            results[key] = made
        return made

    return remembered
