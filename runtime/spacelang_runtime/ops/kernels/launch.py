"""Starting a kernel, at the cost of the start alone."""

from __future__ import annotations

from typing import Any

import torch

from spacelang_runtime.ops.kernels.hardware import INTERPRETED

_COMPILED: dict[tuple[Any, ...], tuple[Any, tuple[Any, ...]]] = {}


def launch_kernel(
    kernel: Any, grid: tuple[int, ...], *arguments: Any, num_warps: int = 4, num_stages: int = 3, **constants: Any
) -> None:
    """Run a Triton kernel whose constants for the compiler come last among its parameters.

    Triton looks at every argument at every start, to find the compilation that fits; that takes several times as
    long as the start. Ours are compiled for types and alignments alone (no number has a compilation of its own,
    and all fit 32 bits), so these are looked at here, and the rest is handed on.
    """
    if INTERPRETED:
        kernel[grid](*arguments, **constants, num_warps=num_warps, num_stages=num_stages)
        return
    tensors = [a for a in arguments if type(a) is not int and type(a) is not float]
    device = tensors[0].device.index
    key = (
        kernel.__name__, kernel.__module__, num_warps, num_stages, device, *constants.values(),
        *[(a.dtype, a.data_ptr() % 16 == 0) for a in tensors],
    )  # fmt: skip
    found = _COMPILED.get(key)
    if found is None:
        compiled = kernel[grid](*arguments, **constants, num_warps=num_warps, num_stages=num_stages)
        rest = tuple(constants[name] for name in kernel.arg_names[len(arguments) :])
        _COMPILED[key] = compiled, rest
        return
    compiled, rest = found
    x, y, z = (*grid, 1, 1)[:3]
    stream = torch._C._cuda_getCurrentRawStream(device)
    compiled.run(x, y, z, stream, compiled.function, compiled.packed_metadata, None, None, None, *arguments, *rest)
