"""Attention by the window kernels as an operator of torch, for networks whose gradients torch keeps.

`torch.compile` calls it as it is, without looking inside.
"""

from __future__ import annotations

import torch
from torch import Tensor

from spacelang_runtime.ops.kernels import window_attention
from spacelang_runtime.ops.windows import Cut


def attend(qkv: Tensor, extra: Tensor, table: Tensor | None, heads: int, cut: Cut) -> Tensor:
    """[B, tokens, 3·Q] → [B, tokens, Q], in the order of the map; see `kernels.window_attention.forward`."""
    out, _ = _attend(qkv, extra, table, heads, _numbers(cut))
    return out


def _numbers(cut: Cut) -> list[int]:
    return [*cut.grid, *cut.window, *cut.shift, *cut.padded, cut.number]


def _cut(n: list[int]) -> Cut:
    return Cut((n[0], n[1]), (n[2], n[3]), (n[4], n[5]), (n[6], n[7]), n[8], False)


@torch.library.custom_op("spacelang::attend_windows", mutates_args=())
def _attend(
    qkv: Tensor, extra: Tensor, table: Tensor | None, heads: int, numbers: list[int]
) -> tuple[Tensor, Tensor]:
    flat = qkv.reshape(-1, qkv.shape[-1])
    out, lse = window_attention.forward(flat, extra, table, heads, _cut(numbers))
    return out.view(*qkv.shape[:2], -1), lse


@_attend.register_fake
def _(qkv: Tensor, extra: Tensor, table: Tensor | None, heads: int, numbers: list[int]) -> tuple[Tensor, Tensor]:
    cut = _cut(numbers)
    out = qkv.new_empty(*qkv.shape[:2], qkv.shape[2] // 3)
    lse = qkv.new_empty(qkv.shape[0] * cut.number * heads * window_attention.side_of(cut) ** 2, dtype=torch.float32)
    return out, lse


@torch.library.custom_op("spacelang::attend_windows_backward", mutates_args=())
def _backward(
    qkv: Tensor, extra: Tensor, table: Tensor | None, heads: int, numbers: list[int], out: Tensor, lse: Tensor,
    d_out: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    cut, q = _cut(numbers), out.shape[-1]
    d_table = (
        qkv.new_zeros(0, dtype=torch.float32) if table is None else torch.zeros_like(table, dtype=torch.float32)
    )
    flat = d_out.reshape(-1, q)
    d_qkv, parts = window_attention.backward(
        qkv.reshape(-1, 3 * q), extra, table, heads, cut, out.reshape(-1, q), lse, flat, d_table
    )  # fmt: skip
    d_extra = torch.zeros(3, q, device=qkv.device)
    if cut.padded != cut.grid:
        # All keys together, those of padding too, get nothing; all values together what the outputs get.
        real = d_qkv.sum(0, dtype=torch.float32).view(3, q)
        d_extra[1] = -real[1]
        d_extra[2] = parts[:, 1].sum(0) - real[2]
    return d_qkv.view_as(qkv), d_table, d_extra.view(-1).to(extra.dtype)


@_backward.register_fake
def _(
    qkv: Tensor, extra: Tensor, table: Tensor | None, heads: int, numbers: list[int], out: Tensor, lse: Tensor,
    d_out: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    shape = (0,) if table is None else table.shape
    return torch.empty_like(qkv), qkv.new_empty(shape, dtype=torch.float32), torch.empty_like(extra)


def _keep(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    qkv, extra, table, ctx.heads, ctx.numbers = inputs
    ctx.save_for_backward(qkv, extra, table, *output)
    ctx.mark_non_differentiable(output[1])


def _differentiate(ctx, d_out: Tensor, d_lse: Tensor):  # type: ignore[no-untyped-def]
    qkv, extra, table, out, lse = ctx.saved_tensors
    d_qkv, d_table, d_extra = _backward(qkv, extra, table, ctx.heads, ctx.numbers, out, lse, d_out.contiguous())
    return d_qkv, d_extra, None if table is None else d_table.to(table.dtype), None, None


_attend.register_autograd(_differentiate, setup_context=_keep)
