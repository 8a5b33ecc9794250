"""GELU and its derivative. See `gelu`."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def parts(x):
    """Φ(x), the normal distribution, and φ(x), its density.

    erf by Abramowitz and Stegun, 7.1.26, whose error is below 1.5e-7: it shares its exponential with the density.
    """
    e = tl.math.exp2(x * x * -0.7213475204444817)
    t = 1.0 / (1.0 + 0.3275911 * 0.7071067811865476 * tl.abs(x))
    tail = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    half = 0.5 * tail * e
    return tl.where(x < 0.0, half, 1.0 - half), 0.3989422804014327 * e


@triton.jit(do_not_specialize=["count"])
def forward(X, Y, count, BLOCK: tl.constexpr):
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(X + at, mask=at < count * 16, other=0.0).to(tl.float32)
    below, _ = parts(x)
    tl.store(Y + at, (x * below).to(Y.dtype.element_ty), mask=at < count * 16)


@triton.jit(do_not_specialize=["rows", "units", "programs"])
def backward(
    X, D_Y, D_X, Y, PARTS, rows, units, programs,
    AGAIN: tl.constexpr, UNIT: tl.constexpr, BLOCK: tl.constexpr, LINES: tl.constexpr,
):  # fmt: skip
    width = units * UNIT
    c = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    pid = tl.program_id(1)
    total = tl.zeros([LINES, BLOCK], tl.float32)
    for begin in range(pid * LINES, rows, programs * LINES):
        row = begin + tl.arange(0, LINES)
        inside = (row < rows)[:, None] & (c < width)[None, :]
        at = row.to(tl.int64)[:, None] * width + c[None, :]
        x = tl.load(X + at, mask=inside, other=0.0).to(tl.float32)
        dy = tl.load(D_Y + at, mask=inside, other=0.0).to(tl.float32)
        below, density = parts(x)
        dx = dy * (below + x * density)
        total += dx
        tl.store(D_X + at, dx.to(D_X.dtype.element_ty), mask=inside)
        if AGAIN:
            tl.store(Y + at, (x * below).to(Y.dtype.element_ty), mask=inside)
    tl.store(PARTS + pid * width + c, tl.sum(total, 0), mask=c < width)
