"""Sums over the first axis, added to where they belong. See `sums`."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit(do_not_specialize=["rows", "width"], do_not_specialize_on_alignment=["A", "B", "C"])
def add(PARTS, A, B, C, rows, width, MANY: tl.constexpr, LINES: tl.constexpr, BLOCK: tl.constexpr):
    c = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    which = tl.program_id(1)
    total = tl.zeros([LINES, BLOCK], tl.float32)
    for begin in range(0, rows, LINES):
        row = begin + tl.arange(0, LINES)
        at = (row[:, None] * MANY + which) * width + c[None, :]
        total += tl.load(PARTS + at, mask=(row < rows)[:, None] & (c < width)[None, :], other=0.0)
    value = tl.sum(total, 0)
    if which == 0:
        to = A + c
    elif which == 1:
        to = B + c
    else:
        to = C + c
    tl.store(to, tl.load(to, mask=c < width, other=0.0) + value, mask=c < width)
