"""What the programs of a kernel summed up, each over its part of the rows, added to the gradients it belongs to."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from spacelang_runtime.ops.kernels.hardware import launches
from spacelang_runtime.ops.kernels.launch import launch_kernel


def add(parts: Tensor, targets: Sequence[Tensor]) -> None:
    """targets[i] += the sum over p of parts[p, i, :]; in a fixed order.

    parts: [programs, at least as many as targets, C], float32. targets: at most three, each [C or more],
    of which the rest stays as it is.
    """
    if not launches(parts):
        for number, target in enumerate(targets):
            target[: parts.shape[2]] += parts[:, number].sum(0)
        return
    from spacelang_runtime.ops.kernels import sums_triton

    programs, many, width = parts.shape
    places = [*targets, *targets[:1] * (3 - len(targets))]
    launch_kernel(
        sums_triton.add,
        (-(-width // 16), len(targets)),
        parts,
        *places,
        programs,
        width,
        MANY=many,
        LINES=256,
        BLOCK=16,
        num_warps=8,
    )
