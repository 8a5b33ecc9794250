"""LayerNorm over rows of run-time width, with the sum before it and all sums after it. See `layer_norm`."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit(do_not_specialize=["rows", "units", "tokens"], do_not_specialize_on_alignment=["KEEP"])
def forward(
    X, ADDED, KEEP, WEIGHT, BIAS, SUM, Y, MEAN, SCALE, rows, units, tokens, eps,
    HAS_ADDED: tl.constexpr, HAS_KEEP: tl.constexpr, UNIT: tl.constexpr, BLOCK: tl.constexpr, LINES: tl.constexpr,
):  # fmt: skip
    width = units * UNIT
    row = tl.program_id(0) * LINES + tl.arange(0, LINES)
    c = tl.arange(0, BLOCK)
    inside = (row < rows)[:, None] & (c < width)[None, :]
    at = row.to(tl.int64)[:, None] * width + c[None, :]
    x = tl.load(X + at, mask=inside, other=0.0).to(tl.float32)
    if HAS_ADDED:
        added = tl.load(ADDED + at, mask=inside, other=0.0).to(tl.float32)
        if HAS_KEEP:
            added *= tl.load(KEEP + row // tokens, mask=row < rows, other=0.0)[:, None]
        low = (x + added).to(SUM.dtype.element_ty)
        tl.store(SUM + at, low, mask=inside)
        x = low.to(tl.float32)
    mean = tl.sum(x, 1) / width
    centred = tl.where(inside, x - mean[:, None], 0.0)
    scale = tl.rsqrt(tl.sum(centred * centred, 1) / width + eps)
    weight = tl.load(WEIGHT + c, mask=c < width, other=0.0).to(tl.float32)
    bias = tl.load(BIAS + c, mask=c < width, other=0.0).to(tl.float32)
    y = centred * scale[:, None] * weight[None, :] + bias[None, :]
    tl.store(Y + at, y.to(Y.dtype.element_ty), mask=inside)
    tl.store(MEAN + row, mean, mask=row < rows)
    tl.store(SCALE + row, scale, mask=row < rows)


@triton.jit(do_not_specialize=["rows", "units", "tokens", "programs"], do_not_specialize_on_alignment=["KEEP"])
def backward(
    D_Y, X, MEAN, SCALE, WEIGHT, D_SUM, KEEP, D_X, D_ADDED, PARTS, rows, units, tokens, programs,
    HAS_SUM: tl.constexpr, HAS_KEEP: tl.constexpr, UNIT: tl.constexpr, BLOCK: tl.constexpr, LINES: tl.constexpr,
):  # fmt: skip
    width = units * UNIT
    pid = tl.program_id(0)
    c = tl.arange(0, BLOCK)
    weight = tl.load(WEIGHT + c, mask=c < width, other=0.0).to(tl.float32)
    d_weight = tl.zeros([LINES, BLOCK], tl.float32)
    d_bias = tl.zeros([LINES, BLOCK], tl.float32)
    d_total = tl.zeros([LINES, BLOCK], tl.float32)
    for begin in range(pid * LINES, rows, programs * LINES):
        row = begin + tl.arange(0, LINES)
        inside = (row < rows)[:, None] & (c < width)[None, :]
        at = row.to(tl.int64)[:, None] * width + c[None, :]
        dy = tl.load(D_Y + at, mask=inside, other=0.0).to(tl.float32)
        x = tl.load(X + at, mask=inside, other=0.0).to(tl.float32)
        if HAS_SUM:
            beside = tl.load(D_SUM + at, mask=inside, other=0.0).to(tl.float32)
        mean = tl.load(MEAN + row, mask=row < rows, other=0.0)
        scale = tl.load(SCALE + row, mask=row < rows, other=0.0)
        normal = tl.where(inside, (x - mean[:, None]) * scale[:, None], 0.0)
        d_weight += dy * normal
        d_bias += dy
        g = dy * weight[None, :]
        along = tl.sum(g * normal, 1) / width
        level = tl.sum(g, 1) / width
        dx = (g - level[:, None] - normal * along[:, None]) * scale[:, None]
        if HAS_SUM:
            dx += beside
        dx = tl.where(inside, dx, 0.0)
        tl.store(D_X + at, dx.to(D_X.dtype.element_ty), mask=inside)
        if HAS_KEEP:
            dx *= tl.load(KEEP + row // tokens, mask=row < rows, other=0.0)[:, None]
            tl.store(D_ADDED + at, dx.to(D_X.dtype.element_ty), mask=inside)
        d_total += dx
    to = PARTS + pid * 3 * width + c
    tl.store(to, tl.sum(d_weight, 0), mask=c < width)
    tl.store(to + width, tl.sum(d_bias, 0), mask=c < width)
    tl.store(to + 2 * width, tl.sum(d_total, 0), mask=c < width)
