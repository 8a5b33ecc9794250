"""Starting a kernel, at the cost of the start alone."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import torch

from spacelang_runtime.ops.kernels.hardware import INTERPRETED

# What Triton's launcher of a compiled kernel takes first, in this order. It is not part of Triton's interface.
FIRST = ("gridx", "gridy", "gridz", "stream", "function")

_COMPILED: dict[tuple[Any, ...], tuple[Any, tuple[Any, ...]]] = {}
_public = INTERPRETED  # whether kernels are started by Triton's public launcher


def launch_kernel(
    kernel: Any, grid: tuple[int, ...], *arguments: Any, num_warps: int = 4, num_stages: int = 3, **constants: Any
) -> None:
    """Run a Triton kernel whose constants for the compiler come last among its parameters.

    Triton looks at every argument at every start, to find the compilation that fits; that takes several times as
    long as the start. Ours are compiled for types and alignments alone (no number has a compilation of its own,
    and all fit 32 bits), so these are looked at here, and the rest is handed on to the launcher that Triton
    itself calls. Where this Triton has none that takes what is known here, its public one starts all kernels, and
    a warning says so once.
    """
    if _public:
        kernel[grid](*arguments, **constants, num_warps=num_warps, num_stages=num_stages)
        return
    tensors = [a for a in arguments if type(a) is not int and type(a) is not float]
    device = tensors[0].device.index
    key = (
        kernel.__name__, kernel.__module__, num_warps, num_stages, device, *constants.values(),
        *[(a.dtype, a.data_ptr() % 16 == 0) for a in tensors],
    )  # fmt: skip
    known = _COMPILED.get(key)
    if known is None:
        compiled = kernel[grid](*arguments, **constants, num_warps=num_warps, num_stages=num_stages)
        if reason := unfit(compiled):
            _give_up(reason)
        _COMPILED[key] = compiled, tuple(constants[name] for name in kernel.arg_names[len(arguments) :])
        return
    compiled, rest = known
    x, y, z = (*grid, 1, 1)[:3]
    try:
        stream = stream_of(device)
        compiled.run(
            x, y, z, stream, compiled.function, compiled.packed_metadata, None, None, None, *arguments, *rest
        )
    except (TypeError, AttributeError) as error:  # of the arguments: nothing was started
        _give_up(str(error))
        kernel[grid](*arguments, **constants, num_warps=num_warps, num_stages=num_stages)


def unfit(compiled: Any) -> str:
    """Why a compilation cannot be started as it is here, in words; empty where it can."""
    missing = [name for name in ("run", "function", "packed_metadata") if not hasattr(compiled, name)]
    if missing:
        return f"its compiled kernels have no {', '.join(missing)}"
    try:
        names = [name.lower() for name in inspect.signature(compiled.run).parameters]
    except (TypeError, ValueError):
        return ""  # a launcher that does not tell; that of other arguments refuses them
    if names[:1] != ["args"] and tuple(names[: len(FIRST)]) != FIRST:
        return f"its launcher takes {', '.join(names)}"
    return ""


def stream_of(device: int | None) -> int:
    """The handle of the current stream of a GPU; by torch's private way, which is quicker, where it is there."""
    quick = getattr(torch._C, "_cuda_getCurrentRawStream", None)
    return torch.cuda.current_stream(device).cuda_stream if quick is None else quick(device)


def _give_up(reason: str) -> None:
    global _public
    _public = True
    _COMPILED.clear()
    warnings.warn(
        f"kernels are started by Triton's public launcher, which takes longer: {reason}",
        RuntimeWarning,
        stacklevel=3,
    )
