"""GELU, exactly (Hendrycks and Gimpel, 2016: x·Φ(x)), and its derivative Φ(x) + x·φ(x)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from spacelang_runtime.ops.kernels.hardware import launches, processors, unit
from spacelang_runtime.ops.kernels.launch import launch_kernel

BLOCK, LINES = 128, 16


def forward(x: Tensor) -> Tensor:
    """x·Φ(x), elementwise; the number of elements is a multiple of 16 where kernels run."""
    if not launches(x) or x.numel() % 16:
        return F.gelu(x)
    from spacelang_runtime.ops.kernels import gelu_triton

    y = torch.empty_like(x)
    launch_kernel(gelu_triton.forward, (-(-x.numel() // 2048),), x, y, x.numel() // 16, BLOCK=2048, num_warps=4)
    return y


def backward(x: Tensor, dy: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The gradient of x [rows, C]; parts [programs, 1, C], which sum to that of a constant added to every row; and
    x·Φ(x) once more, in the place of dy.

    Nothing but x is kept for it: what GELU gave is made again in the pass that reads x anyway.
    """
    if not launches(x):
        wide = x if x.dtype == torch.float64 else x.float()
        below = 0.5 * (1 + torch.erf(wide * 2**-0.5))
        dx = dy * (below + wide * torch.exp(-0.5 * wide * wide) * (2 * torch.pi) ** -0.5)
        return dx.to(x.dtype), dx.sum(0)[None, None], (wide * below).to(x.dtype)
    from spacelang_runtime.ops.kernels import gelu_triton

    rows, width = x.shape
    across = -(-width // BLOCK)
    programs = max(1, min(-(-rows // LINES), 8 * processors(x.device) // across))
    dx = torch.empty_like(x)
    parts = torch.empty(programs, 1, width, device=x.device)
    launch_kernel(gelu_triton.backward, (across, programs),
        x, dy, dx, dy, parts, rows, width // unit(width), programs,
        AGAIN=True, UNIT=unit(width), BLOCK=BLOCK, LINES=LINES, num_warps=4,
    )  # fmt: skip
    return dx, parts, dy
