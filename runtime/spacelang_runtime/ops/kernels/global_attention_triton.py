"""Attention over a whole map of at most 14 × 14 tokens, and a class token, with relative rows and columns. See
`global_attention`."""

from __future__ import annotations

import triton
import triton.language as tl

LOG2E = tl.constexpr(1.4426950408889634)
SIDE = tl.constexpr(16)
SLOTS = tl.constexpr(256)
SIZES = ["tokens", "heads", "images", "channels", "tall", "broad"]


@triton.jit
def _tokens(p, tall, broad, TOKEN: tl.constexpr):
    """The tokens at places, and whether there are any. The class token is at the corner below and right of the
    map."""
    i = p // SIDE
    j = p % SIDE
    inside = (i < tall) & (j < broad)
    t = tl.where(inside, i * broad + j + TOKEN, 0)
    if TOKEN:
        inside |= (i == tall) & (j == broad)
    return t, inside


@triton.jit
def _axes(p, kind: tl.constexpr):
    """For each place a 1 in the column of its row, and one in 16 + its column: [places, 32]."""
    e = tl.arange(0, 32)[None, :]
    return ((e == (p // SIDE)[:, None]) | (e == 16 + (p % SIDE)[:, None])).to(kind)


@triton.jit
def _load(at, inside, d, width):
    return tl.load(at, mask=inside[:, None] & (d < width)[None, :], other=0.0)


@triton.jit(do_not_specialize=SIZES)
def forward(
    QKV, WAYS, OUT, LSE, SHARES, tokens, heads, images, channels, tall, broad, scale,
    UNIT: tl.constexpr, WIDTH: tl.constexpr, QUERIES: tl.constexpr, KEYS: tl.constexpr, TOKEN: tl.constexpr,
    RELATIVE: tl.constexpr,
):  # fmt: skip
    """One tile of queries of one head of a map."""
    tiles: tl.constexpr = SLOTS // QUERIES
    pid = tl.program_id(0)
    head = pid % heads
    image = pid // (heads * tiles)
    width = channels * UNIT
    q_width = heads * width
    r = pid // heads % tiles * QUERIES + tl.arange(0, QUERIES)
    d = tl.arange(0, WIDTH)
    e = tl.arange(0, 32)
    rt, rin = _tokens(r, tall, broad, TOKEN)
    start = tl.cast(image, tl.int64) * tokens
    base = QKV + start * 3 * q_width + head * width + d[None, :]
    q = _load(base + rt[:, None] * (3 * q_width), rin, d, width)
    lines = tl.cast(head * images + image, tl.int64) * SLOTS + r
    kind: tl.constexpr = QKV.dtype.element_ty
    way = q
    if RELATIVE:
        way = tl.load(WAYS + lines[:, None] * 32 + e[None, :])
    top = tl.full([QUERIES], -1e30, tl.float32)
    whole = tl.zeros([QUERIES], tl.float32)
    o = tl.zeros([QUERIES, WIDTH], tl.float32)
    share = tl.zeros([QUERIES, 32], tl.float32)
    for begin in range(0, SLOTS, KEYS):
        c = begin + tl.arange(0, KEYS)
        ct, cin = _tokens(c, tall, broad, TOKEN)
        at = base + ct[:, None] * (3 * q_width)
        k = _load(at + q_width, cin, d, width)
        v = _load(at + 2 * q_width, cin, d, width)
        s = tl.dot(q, tl.trans(k))
        if RELATIVE:
            axes = _axes(c, kind)
            s = tl.dot(way, tl.trans(axes), s)
        s = tl.where(cin[None, :], s * (scale * LOG2E), float("-inf"))
        above = tl.maximum(top, tl.max(s, 1))
        p = tl.math.exp2(s - above[:, None])
        less = tl.math.exp2(top - above)
        whole = whole * less + tl.sum(p, 1)
        top = above
        low = p.to(kind)
        o = tl.dot(low, v, o * less[:, None])
        if RELATIVE:
            share = tl.dot(low, axes, share * less[:, None])
    to = OUT + start * q_width + head * width + rt[:, None] * q_width + d[None, :]
    tl.store(to, (o / whole[:, None]).to(kind), mask=rin[:, None] & (d < width)[None, :])
    tl.store(LSE + lines, tl.where(rin, top + tl.math.log2(whole), 1e30))
    if RELATIVE:
        tl.store(SHARES + lines[:, None] * 32 + e[None, :], (share / whole[:, None]).to(kind))


@triton.jit(do_not_specialize=SIZES)
def backward_queries(
    QKV, WAYS, D_WAYS, OUT, D_OUT, LSE, DELTA, D_QKV, SHARES, tokens, heads, images, channels, tall, broad, scale,
    UNIT: tl.constexpr, WIDTH: tl.constexpr, QUERIES: tl.constexpr, KEYS: tl.constexpr, TOKEN: tl.constexpr,
    RELATIVE: tl.constexpr,
):  # fmt: skip
    """One tile of queries of one head of a map: δ, dQ, and the sums of dS along the rows and columns of keys."""
    tiles: tl.constexpr = SLOTS // QUERIES
    pid = tl.program_id(0)
    head = pid % heads
    image = pid // (heads * tiles)
    width = channels * UNIT
    q_width = heads * width
    r = pid // heads % tiles * QUERIES + tl.arange(0, QUERIES)
    d = tl.arange(0, WIDTH)
    e = tl.arange(0, 32)
    rt, rin = _tokens(r, tall, broad, TOKEN)
    start = tl.cast(image, tl.int64) * tokens
    base = QKV + start * 3 * q_width + head * width + d[None, :]
    q = _load(base + rt[:, None] * (3 * q_width), rin, d, width)
    o_at = start * q_width + head * width + rt[:, None] * q_width + d[None, :]
    do = _load(D_OUT + o_at, rin, d, width)
    o = _load(OUT + o_at, rin, d, width)
    delta = tl.sum(do.to(tl.float32) * o.to(tl.float32), 1)
    lines = tl.cast(head * images + image, tl.int64) * SLOTS + r
    tl.store(DELTA + lines, delta)
    lse = tl.load(LSE + lines)
    kind: tl.constexpr = QKV.dtype.element_ty
    way = q
    d_way = q
    if RELATIVE:
        way = tl.load(WAYS + lines[:, None] * 32 + e[None, :])
        d_way = tl.load(D_WAYS + lines[:, None] * 32 + e[None, :])
    dq = tl.zeros([QUERIES, WIDTH], tl.float32)
    share = tl.zeros([QUERIES, 32], tl.float32)
    for begin in range(0, SLOTS, KEYS):
        c = begin + tl.arange(0, KEYS)
        ct, cin = _tokens(c, tall, broad, TOKEN)
        at = base + ct[:, None] * (3 * q_width)
        k = _load(at + q_width, cin, d, width)
        v = _load(at + 2 * q_width, cin, d, width)
        s = tl.dot(q, tl.trans(k))
        dp = tl.dot(do, tl.trans(v))
        if RELATIVE:
            axes = _axes(c, kind)
            s = tl.dot(way, tl.trans(axes), s)
            dp = tl.dot(d_way, tl.trans(axes), dp)
        p = tl.where(cin[None, :], tl.math.exp2(s * (scale * LOG2E) - lse[:, None]), 0.0)
        ds = (p * (dp - delta[:, None])).to(kind)
        dq = tl.dot(ds, k, dq)
        if RELATIVE:
            share = tl.dot(ds, axes, share)
    to = D_QKV + start * 3 * q_width + head * width + d[None, :] + rt[:, None] * (3 * q_width)
    tl.store(to, (dq * scale).to(kind), mask=rin[:, None] & (d < width)[None, :])
    if RELATIVE:
        tl.store(SHARES + lines[:, None] * 32 + e[None, :], (share * scale).to(kind))


@triton.jit(do_not_specialize=SIZES)
def backward_keys(
    QKV, WAYS, D_WAYS, D_OUT, LSE, DELTA, D_QKV, tokens, heads, images, channels, tall, broad, scale,
    UNIT: tl.constexpr, WIDTH: tl.constexpr, QUERIES: tl.constexpr, KEYS: tl.constexpr, TOKEN: tl.constexpr,
    RELATIVE: tl.constexpr,
):  # fmt: skip
    """One tile of keys of one head of a map: dK and dV."""
    tiles: tl.constexpr = SLOTS // KEYS
    pid = tl.program_id(0)
    head = pid % heads
    image = pid // (heads * tiles)
    width = channels * UNIT
    q_width = heads * width
    c = pid // heads % tiles * KEYS + tl.arange(0, KEYS)
    d = tl.arange(0, WIDTH)
    e = tl.arange(0, 32)
    ct, cin = _tokens(c, tall, broad, TOKEN)
    start = tl.cast(image, tl.int64) * tokens
    base = QKV + start * 3 * q_width + head * width + d[None, :]
    at = base + ct[:, None] * (3 * q_width)
    k = _load(at + q_width, cin, d, width)
    v = _load(at + 2 * q_width, cin, d, width)
    kind: tl.constexpr = QKV.dtype.element_ty
    axes = k
    if RELATIVE:
        axes = _axes(c, kind)
    dk = tl.zeros([KEYS, WIDTH], tl.float32)
    dv = tl.zeros([KEYS, WIDTH], tl.float32)
    for begin in range(0, SLOTS, QUERIES):
        r = begin + tl.arange(0, QUERIES)
        rt, rin = _tokens(r, tall, broad, TOKEN)
        q = _load(base + rt[:, None] * (3 * q_width), rin, d, width)
        do = _load(D_OUT + start * q_width + head * width + rt[:, None] * q_width + d[None, :], rin, d, width)
        lines = tl.cast(head * images + image, tl.int64) * SLOTS + r
        lse = tl.load(LSE + lines)
        delta = tl.load(DELTA + lines)
        s = tl.dot(k, tl.trans(q))
        dp = tl.dot(v, tl.trans(do))
        if RELATIVE:
            s = tl.dot(axes, tl.trans(tl.load(WAYS + lines[:, None] * 32 + e[None, :])), s)
            dp = tl.dot(axes, tl.trans(tl.load(D_WAYS + lines[:, None] * 32 + e[None, :])), dp)
        p = tl.math.exp2(s * (scale * LOG2E) - lse[None, :])
        dv = tl.dot(p.to(kind), do, dv)
        dk = tl.dot((p * (dp - delta[None, :])).to(kind), q, dk)
    to = D_QKV + start * 3 * q_width + head * width + d[None, :] + ct[:, None] * (3 * q_width)
    mask = cin[:, None] & (d < width)[None, :]
    tl.store(to + q_width, (dk * scale).to(kind), mask=mask)
    tl.store(to + 2 * q_width, dv.to(kind), mask=mask)
