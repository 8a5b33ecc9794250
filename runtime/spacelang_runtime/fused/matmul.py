"""Matrix products whose factors are slices of weights, and those whose results are added to slices of gradients."""

from __future__ import annotations

import torch
from torch import Tensor


def linear(x: Tensor, weight: Tensor, bias: Tensor, to: Tensor | None = None) -> Tensor:
    """x·weightᵀ + bias: [rows, C] and [out, C] → [rows, out]; in `to` where it is given."""
    return torch.addmm(bias, x, weight.t(), out=to)


def add_matmul(total: Tensor, left: Tensor, right: Tensor) -> None:
    """total += leftᵀ·right, summed in the type of total: [rows, A] and [rows, B], to [A, B], which may be a
    slice."""
    if left.dtype == total.dtype:
        total.addmm_(left.t(), right)
    elif left.is_cuda:
        torch.addmm(total, left.t(), right, torch.float32, out=total)
    else:
        total += torch.mm(left.t().to(total.dtype), right.to(total.dtype))


def matmul(left: Tensor, right: Tensor) -> Tensor:
    """leftᵀ·right, [A, B], in float32 at least."""
    kind = torch.promote_types(left.dtype, torch.float32)
    if left.dtype == kind:
        return torch.mm(left.t(), right)
    if left.is_cuda:
        return torch.mm(left.t(), right, kind)
    return torch.mm(left.t().to(kind), right.to(kind))


def sum_rows(x: Tensor) -> Tensor:
    """The sum over the first axis, in float32 at least."""
    return x.sum(0, dtype=torch.promote_types(x.dtype, torch.float32))
