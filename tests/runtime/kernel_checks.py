"""Checks of the kernels against their plain references, in float64: each prints one line, the largest relative
error.

TRITON_INTERPRET=1 python kernel_checks.py      # on a CPU, in float32, by Triton's interpreter
python kernel_checks.py                         # on a GPU, in bf16
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from spacelang_runtime.ops import position_embedding
from spacelang_runtime.ops.attention import additions, attend
from spacelang_runtime.ops.kernels import gelu, global_attention, hardware, layer_norm, sums, window_attention
from spacelang_runtime.ops.window_attention import packed_window_attention, reference
from spacelang_runtime.ops.window_attention import window_attention as public
from spacelang_runtime.ops.windows import cut, cut_by

DEVICE = "cpu" if hardware.INTERPRETED else "cuda"
KIND = torch.float32 if hardware.INTERPRETED else torch.bfloat16


def random(*shape: int) -> Tensor:
    return torch.randn(shape, device=DEVICE).to(KIND)


def off(found: Tensor, expected: Tensor) -> float:
    found, expected = found.detach().double(), expected.detach().double()
    error = float((found - expected).norm() / expected.norm())
    return math.inf if math.isnan(error) else error  # the largest of several is not NaN where one is


def of_windows(
    grid: tuple[int, int],
    window: int,
    shifted: bool,
    heads: int,
    width: int,
    span: int,
    tabled: bool = True,
    maps: int = 2,
) -> float:
    place, q, n = cut(grid, window, shifted, False), heads * width, grid[0] * grid[1]
    qkv, extra, d_out = random(maps * n, 3 * q), random(3 * q), random(maps * n, q)
    table = torch.randn(heads + 1, 2 * span - 1, 2 * span - 1, device=DEVICE) if tabled else None
    d_table = None if table is None else torch.ones_like(table)
    out, lse = window_attention.forward(qkv, extra, table, heads, place)
    d_qkv, parts = window_attention.backward(qkv, extra, table, heads, place, out, lse, d_out, d_table)

    wide, bias = qkv.double().view(maps, n, 3 * q).requires_grad_(), extra.double().requires_grad_()
    wide_table = None if table is None else table.double().requires_grad_()
    split = place.split(wide - bias) + bias  # a token of padding is the bias
    added = additions(None if wide_table is None else wide_table[:heads], place, False, split)
    expected = place.join(attend(split, heads, added, fused=False)).reshape(maps * n, q)
    expected.backward(d_out.double())
    by_which, d_bias = wide.grad.view(-1, 3, q), (wide.grad.sum((0, 1)) + bias.grad).view(3, q)
    found = [off(out, expected), *(off(d_qkv.view(-1, 3, q)[:, i], by_which[:, i]) for i in range(3))]
    found += [off(parts.sum(0)[0], d_bias[0]), off(parts.sum(0)[1], d_bias[2]), float(d_bias[1].abs().max())]
    return max(found + ([] if table is None else [off(d_table - 1, wide_table.grad)]))


def of_public(grid: tuple[int, int], window: tuple[int, int], shift: tuple[int, int], heads: int, d: int) -> float:
    """`window_attention` and all its gradients, by torch's own graph."""
    bias = torch.randn(heads, 2 * window[0] - 1, 2 * window[1] - 1, device=DEVICE)
    leaves = [leaf.requires_grad_() for leaf in (random(2, *grid, 3, heads, d), bias, random(3, heads, d))]
    place, d_out = cut_by(grid, window, shift), random(2, *grid, heads, d)
    apart = public(*leaves[0].unbind(3), leaves[1], window, shift, leaves[2])
    found = packed_window_attention(leaves[0], leaves[1], window, shift, leaves[2])
    gradients = torch.autograd.grad(found, leaves, d_out)
    wide = [leaf.detach().double().requires_grad_() for leaf in leaves]
    qkv = wide[0].reshape(2, grid[0] * grid[1], 3 * heads * d)
    expected = reference(qkv, wide[2].flatten(), wide[1], heads, place).view_as(found)
    wanted = torch.autograd.grad(expected, wide, d_out.double(), materialize_grads=True)
    pairs = [(apart, expected), (found, expected), *zip(gradients, wanted, strict=True)]
    return max(off(one, other) if other.any() else float(one.abs().max()) for one, other in pairs)


def of_maps(grid: tuple[int, int], token: bool, heads: int, width: int, reach: int, images: int = 2) -> float:
    place, q, n = cut(grid, "global", False, token), heads * width, grid[0] * grid[1] + token
    qkv, d_out = random(images * n, 3 * q), random(images * n, q)
    tables = random(4, 2 * reach + 2, width) if reach else None
    found = global_attention.forward(qkv, tables, heads, place)
    d_qkv, d_tables = global_attention.backward(qkv, tables, heads, place, found, d_out)

    wide = qkv.double().requires_grad_()
    wide_tables = None if tables is None else tables.double().requires_grad_()
    mixed = attend(
        wide.view(images, n, 3 * q), heads, None, position_embedding.relative(wide_tables, place), fused=False
    )
    mixed.reshape(images * n, q).backward(d_out.double())
    errors = [off(found.out, mixed.reshape(images * n, q))]
    errors += [off(a, b) for a, b in zip(d_qkv.split(q, 1), wide.grad.split(q, 1), strict=True)]
    if tables is not None:
        errors += [off(a, b) for a, b in zip(d_tables, wide_tables.grad, strict=True)]
    return max(errors)


def of_norm(rows: int, width: int, tokens: int, keeps: bool) -> float:
    x, added, dy, beside = (random(rows, width) for _ in range(4))
    weight, bias = torch.rand(width, device=DEVICE) + 0.5, torch.randn(width, device=DEVICE)
    keep = torch.rand(rows // tokens, device=DEVICE) if keeps else None
    normed = layer_norm.forward(x, added, keep, weight, bias, tokens)
    found = layer_norm.backward(dy, normed, weight, beside, keep, tokens)

    leaves = [leaf.double().requires_grad_() for leaf in (x, added, weight, bias)]
    factor = 1.0 if keep is None else keep.double().repeat_interleave(tokens)[:, None]
    total = leaves[0] + leaves[1] * factor
    # Both are judged by what was stored of the sum, which is in the type of the stream.
    total = total + (normed.total.double() - total).detach()
    y = F.layer_norm(total, (width,), leaves[2], leaves[3])
    ((y * dy.double()).sum() + (total * beside.double()).sum()).backward()
    summed = [torch.zeros(width + 3, device=DEVICE) for _ in range(3)]
    sums.add(found.parts, summed)
    expected = (leaves[2].grad, leaves[3].grad, leaves[1].grad.sum(0))
    errors = [off(normed.y, y), off(found.x, leaves[0].grad), off(found.added, leaves[1].grad)]
    return max(errors + [off(a[:width], b) for a, b in zip(summed, expected, strict=True)])


def of_gelu(rows: int, width: int) -> float:
    x, dy = 2 * random(rows, width), random(rows, width)
    wide, wide_dy = x.double().requires_grad_(), dy.double()
    y = F.gelu(wide)
    y.backward(wide_dy)
    errors = [off(gelu.forward(x), y)]
    dx, parts, again = gelu.backward(x, dy)
    return max(*errors, off(dx, wide.grad), off(parts.sum((0, 1)), wide.grad.sum(0)), off(again, y))


CHECKS = {
    "windows of one tile": lambda: of_windows((6, 5), 3, True, 2, 16, 3),
    "windows of one tile, padded": lambda: of_windows((6, 5), 5, True, 2, 12, 6),
    "windows without a table": lambda: of_windows((4, 4), 2, True, 1, 20, 2, tabled=False),
    "large windows": lambda: of_windows((9, 9), 9, True, 1, 16, 9, maps=1),
    "large windows, padded": lambda: of_windows((9, 13), 9, True, 1, 8, 10, maps=1),
    "windows of two sides": lambda: of_public((6, 6), (3, 2), (1, 1), 2, 16),
    "windows of two sides, padded": lambda: of_public((5, 7), (2, 3), (1, 2), 2, 8),
    "maps": lambda: of_maps((3, 4), False, 2, 16, 0),
    "maps with relative positions": lambda: of_maps((4, 3), True, 2, 8, 4),
    "norm": lambda: of_norm(12, 96, 4, False),
    "norm, narrow, with branches left out": lambda: of_norm(10, 20, 5, True),
    "gelu": lambda: of_gelu(33, 48),
}
LARGE = {
    "windows of stage 1": lambda: of_windows((56, 56), 7, True, 4, 32, 14, maps=3),
    "large windows of stage 1": lambda: of_windows((56, 56), 14, True, 2, 32, 14, maps=3),
    "windows of Swin": lambda: of_public((56, 56), (7, 7), (3, 3), 3, 32),
    "large windows of two sides": lambda: of_public((28, 30), (14, 10), (7, 5), 3, 32),
    "large windows of stage 3": lambda: of_windows((14, 14), 14, False, 12, 32, 14, maps=4),
    "wide heads": lambda: of_windows((16, 16), 12, True, 2, 64, 14),
    "maps of AutoFormer": lambda: of_maps((14, 14), True, 6, 64, 14, images=3),
    "norm of stage 1": lambda: of_norm(50_176, 96, 3136, True),
}

if __name__ == "__main__":
    torch.manual_seed(0)
    if DEVICE == "cuda":
        # Memory that nobody has written holds NaN, so that what a kernel leaves out is seen.
        torch.use_deterministic_algorithms(True, warn_only=True)
    for name, check in (CHECKS if DEVICE == "cpu" else CHECKS | LARGE).items():
        print(f"{name}\t{check()}", flush=True)
