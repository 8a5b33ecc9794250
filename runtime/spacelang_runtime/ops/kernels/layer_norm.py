"""LayerNorm (Ba et al., 2016) of a residual stream: the sum before it and the sums after it in the same pass.

Statistics are float32 whatever the stream's type. Rows are tokens; a sample is `tokens` rows after another. `keep`
is the factor with which a sample's branch joins its stream: stochastic depth (Huang et al., 2016), 0 or 1/(1 − p).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from spacelang_runtime.ops.kernels.hardware import launches, padded, processors, unit
from spacelang_runtime.ops.kernels.launch import launch_kernel

EPS = 1e-5


class Normed(NamedTuple):
    """total: [rows, C], what was normed. y: [rows, C]. mean, scale: [rows], float32; scale is 1/√(variance + ε)."""

    total: Tensor
    y: Tensor
    mean: Tensor
    scale: Tensor


class Changes(NamedTuple):
    """Gradients. x: of the stream before the sum. added: of the branch. parts: [programs, 3, C], whose sums over
    the first axis belong to the weight, to the bias, and to a constant added to every row of the branch."""

    x: Tensor
    added: Tensor
    parts: Tensor


def forward(
    x: Tensor,
    added: Tensor | None,
    keep: Tensor | None,
    weight: Tensor,
    bias: Tensor,
    tokens: int,
    to: Tensor | None = None,
) -> Normed:
    """LayerNorm of x + keep·added, both [rows, C]. weight, bias: [C or more], float32. to: where that sum shall
    lie, [rows, C], if it matters."""
    rows, width = x.shape
    if not launches(x):
        normed = _plain_forward(x, added, keep, weight, bias, tokens)
        return normed if to is None else normed._replace(total=to.copy_(normed.total))
    from spacelang_runtime.ops.kernels import layer_norm_triton

    y = torch.empty_like(x)
    total = x if added is None else torch.empty_like(x) if to is None else to
    mean = torch.empty(rows, device=x.device)
    scale = torch.empty_like(mean)
    block = padded(width)
    lines = max(1, 2048 // block)
    launch_kernel(layer_norm_triton.forward, (-(-rows // lines),),
        x, x if added is None else added, mean if keep is None else keep, weight, bias, total, y, mean, scale,
        rows, width // unit(width), tokens, EPS,
        HAS_ADDED=added is not None, HAS_KEEP=keep is not None, UNIT=unit(width), BLOCK=block, LINES=lines,
        num_warps=4,
    )  # fmt: skip
    return Normed(total, y, mean, scale)


def backward(
    dy: Tensor,
    normed: Normed,
    weight: Tensor,
    beside: Tensor | None,
    keep: Tensor | None,
    tokens: int,
    to: tuple[Tensor, Tensor] | None = None,
) -> Changes:
    """dy: of the normed rows. beside: the gradient that reaches the sum on its other way. to: where the gradients
    of x and of the branch shall lie, [rows, C] each, if it matters; without `keep` they are one, in the first."""
    x = normed.total
    rows, width = x.shape
    if not launches(x):
        found = _plain_backward(dy, normed, weight, beside, keep, tokens)
        if to is None:
            return found
        dx = to[0].copy_(found.x)
        return Changes(dx, dx if keep is None else to[1].copy_(found.added), found.parts)
    from spacelang_runtime.ops.kernels import layer_norm_triton

    dx = torch.empty_like(x) if to is None else to[0]
    added = dx if keep is None else torch.empty_like(x) if to is None else to[1]
    block = padded(width)
    lines = max(1, 2048 // block)
    programs = min(-(-rows // lines), 6 * processors(x.device))
    parts = torch.empty(programs, 3, width, device=x.device)
    launch_kernel(layer_norm_triton.backward, (programs,),
        dy, x, normed.mean, normed.scale, weight, x if beside is None else beside,
        normed.mean if keep is None else keep, dx, added, parts, rows, width // unit(width), tokens, programs,
        HAS_SUM=beside is not None, HAS_KEEP=keep is not None, UNIT=unit(width), BLOCK=block, LINES=lines,
        num_warps=4,
    )  # fmt: skip
    return Changes(dx, added, parts)


def _rows(keep: Tensor, tokens: int) -> Tensor:
    return keep.repeat_interleave(tokens)[:, None]


def _plain_forward(
    x: Tensor, added: Tensor | None, keep: Tensor | None, weight: Tensor, bias: Tensor, tokens: int
) -> Normed:
    if added is not None:
        x = (x + (added if keep is None else added * _rows(keep, tokens))).to(x.dtype)
    wide = x if x.dtype == torch.float64 else x.float()
    mean = wide.mean(1)
    scale = torch.rsqrt(wide.var(1, unbiased=False) + EPS)
    y = (wide - mean[:, None]) * scale[:, None] * weight[: x.shape[1]] + bias[: x.shape[1]]
    return Normed(x, y.to(x.dtype), mean, scale)


def _plain_backward(
    dy: Tensor, normed: Normed, weight: Tensor, beside: Tensor | None, keep: Tensor | None, tokens: int
) -> Changes:
    x, _, mean, scale = normed
    wide = dy.to(mean.dtype)
    normal = (x - mean[:, None]) * scale[:, None]
    g = wide * weight[: x.shape[1]]
    along, level = (g * normal).mean(1, keepdim=True), g.mean(1, keepdim=True)
    dx = (g - level - normal * along) * scale[:, None]
    if beside is not None:
        dx = dx + beside
    added = dx if keep is None else dx * _rows(keep, tokens)
    parts = torch.stack([(wide * normal).sum(0), wide.sum(0), added.sum(0)])[None]
    return Changes(dx.to(x.dtype), added.to(x.dtype), parts)
