"""Shifted-window attention in one kernel, read and written where the projections leave and expect their tokens.

Triton; sizes are run-time arguments, so that one compilation serves every architecture. Cyclic shift, padding,
partition, relative position bias and the mask of shifted windows are index arithmetic: no window is copied and
nothing of the size of a window squared is stored.

**Places.** A window of a × b tokens has its keys in SIDE × SIDE places, SIDE a power of two: place p holds the token
of row p // SIDE and column p % SIDE, and no token beyond a or b. Queries are counted without gaps.

**Backward.** With P = softmax(S), S = scale·QKᵀ + bias, and δ the sum over a row of dO ∘ O (Dao et al., 2022,
appendix B.2): dV = PᵀdO, dS = P ∘ (dO Vᵀ − δ), dQ = scale·dS K, dK = scale·dSᵀQ, and the table's gradient is the sum
of dS over all windows and all pairs of its offset. A window of 8 × 8 places fits one tile, which does all of it, with
the sum over its windows in registers. For 16 × 16 places one kernel makes dQ, dK and dV with all keys in registers,
and another sums dS tile by tile. No atomic additions: the same input gives the same bits.

**The bias of q, k, v.** Its gradients are the column sums of dQ, zero (a constant added to every key moves no
softmax), and the column sum of dO (rows of P sum to 1). That holds with padded windows too, whose padding has the
bias for its k and v.
"""

from __future__ import annotations

import triton
import triton.language as tl

LOG2E = tl.constexpr(1.4426950408889634)

GEOMETRY = ("rows", "columns", "high", "wide", "tall", "broad", "down", "right", "across", "number", "total")
SIZES = [*GEOMETRY, "heads", "channels", "span", "groups"]


@triton.jit
def _window(u, number, across, rows, columns):
    """The window u of a batch: the first token of its map, its row and its column among the map's windows."""
    image = u // number
    w = u - image * number
    wy = w // across
    return image.to(tl.int64) * rows * columns, wy, w - wy * across


@triton.jit
def _token(i, j, wy, wx, tall, broad, down, right, high, wide, rows, columns):
    """Where the token (i, j) of a window lies in its map, whether it does, and what the roll brought around."""
    y = wy * tall + i + down
    x = wx * broad + j + right
    below = y >= high
    beside = x >= wide
    y = tl.where(below, y - high, y)
    x = tl.where(beside, x - wide, x)
    return y * columns + x, (y < rows) & (x < columns), below.to(tl.int32) * 2 + beside.to(tl.int32)


@triton.jit
def _bias(TABLE, head, span, qi, qj, ki, kj, valid, query, TABLED: tl.constexpr):
    """The bias of a tile in units of log 2, −∞ for keys that are none."""
    wide = 2 * span - 1
    entry = (ki - qi + span - 1) * wide + kj - qj + span - 1
    value = tl.zeros(entry.shape, tl.float32)
    if TABLED:
        value = tl.load(TABLE + head * wide * wide + entry, mask=valid & query, other=0.0).to(tl.float32) * LOG2E
    return tl.where(valid, value, float("-inf"))


@triton.jit(do_not_specialize=SIZES)
def forward(
    QKV, EXTRA, TABLE, OUT, LSE,
    rows, columns, high, wide, tall, broad, down, right, across, number, total, heads, channels, span, groups,
    scale,
    UNIT: tl.constexpr, SIDE: tl.constexpr, QUERIES: tl.constexpr, TILES: tl.constexpr, WIDTH: tl.constexpr,
    TABLED: tl.constexpr, PADDED: tl.constexpr,
):  # fmt: skip
    """One head and one tile of queries of every `groups`-th window: what they gather, and log2 of their sums."""
    KEYS: tl.constexpr = SIDE * SIDE
    pid = tl.program_id(0)
    head = pid % heads
    tile = (pid // heads) % TILES
    group = pid // (heads * TILES)
    width = channels * UNIT
    q_width = heads * width
    r = tile * QUERIES + tl.arange(0, QUERIES)
    ri = r // broad
    rj = r - ri * broad
    query = r < tall * broad
    c = tl.arange(0, KEYS)
    ci = c // SIDE
    cj = c % SIDE
    key = (ci < tall) & (cj < broad)
    d = tl.arange(0, WIDTH)
    real = d < width
    bias = _bias(TABLE, head, span, ri[:, None], rj[:, None], ci[None, :], cj[None, :], key[None, :],
                 query[:, None], TABLED)  # fmt: skip
    if PADDED:
        k_extra = tl.load(EXTRA + q_width + head * width + d, mask=real, other=0.0)
        v_extra = tl.load(EXTRA + 2 * q_width + head * width + d, mask=real, other=0.0)
    for u in range(group, total, groups):
        start, wy, wx = _window(u, number, across, rows, columns)
        rt, rin, rr = _token(ri, rj, wy, wx, tall, broad, down, right, high, wide, rows, columns)
        ct, cin, cr = _token(ci, cj, wy, wx, tall, broad, down, right, high, wide, rows, columns)
        rin &= query
        cin &= key
        base = QKV + start * 3 * q_width + head * width
        q = tl.load(base + rt[:, None] * (3 * q_width) + d[None, :], mask=rin[:, None] & real[None, :], other=0.0)
        at = base + ct[:, None] * (3 * q_width) + d[None, :]
        k = tl.load(at + q_width, mask=cin[:, None] & real[None, :], other=0.0)
        v = tl.load(at + 2 * q_width, mask=cin[:, None] & real[None, :], other=0.0)
        if PADDED:
            k = tl.where(cin[:, None], k, k_extra[None, :])
            v = tl.where(cin[:, None], v, v_extra[None, :])
        s = tl.dot(q, tl.trans(k)) * (scale * LOG2E) + bias
        if ((down > 0) & ((wy + 1) * tall >= high)) | ((right > 0) & ((wx + 1) * broad >= wide)):
            s = tl.where(rr[:, None] == cr[None, :], s, float("-inf"))
        top = tl.max(s, 1)
        top = tl.where(top == float("-inf"), 0.0, top)
        p = tl.math.exp2(s - top[:, None])
        whole = tl.sum(p, 1)
        whole = tl.where(query, whole, 1.0)
        o = tl.dot(p.to(v.dtype), v) / whole[:, None]
        to = OUT + start * q_width + head * width + rt[:, None] * q_width + d[None, :]
        tl.store(to, o.to(OUT.dtype.element_ty), mask=rin[:, None] & real[None, :])
        tl.store(LSE + (u * heads + head) * (tall * broad) + r, top + tl.math.log2(whole), mask=query)


@triton.jit(do_not_specialize=SIZES)
def backward_small(
    QKV, EXTRA, TABLE, D_OUT, LSE, D_QKV, D_BIAS, SUMS,
    rows, columns, high, wide, tall, broad, down, right, across, number, total, heads, channels, span, groups,
    scale,
    UNIT: tl.constexpr, SIDE: tl.constexpr, WIDTH: tl.constexpr, TABLED: tl.constexpr, PADDED: tl.constexpr,
):  # fmt: skip
    """One head of every `groups`-th window, whole: dQ, dK, dV; and the sums of dS, dQ and dO over its windows."""
    KEYS: tl.constexpr = SIDE * SIDE
    pid = tl.program_id(0)
    head = pid % heads
    group = pid // heads
    width = channels * UNIT
    q_width = heads * width
    r = tl.arange(0, KEYS)
    ri = r // SIDE
    rj = r % SIDE
    inside = (ri < tall) & (rj < broad)
    d = tl.arange(0, WIDTH)
    real = d < width
    n = ri * broad + rj
    bias = _bias(TABLE, head, span, ri[:, None], rj[:, None], ri[None, :], rj[None, :], inside[None, :],
                 inside[:, None], TABLED)  # fmt: skip
    d_bias = tl.zeros([KEYS, KEYS], tl.float32)
    q_sum = tl.zeros([KEYS, WIDTH], tl.float32)
    v_sum = tl.zeros([KEYS, WIDTH], tl.float32)
    if PADDED:
        k_extra = tl.load(EXTRA + q_width + head * width + d, mask=real, other=0.0)
        v_extra = tl.load(EXTRA + 2 * q_width + head * width + d, mask=real, other=0.0)
    for u in range(group, total, groups):
        start, wy, wx = _window(u, number, across, rows, columns)
        t, there, region = _token(ri, rj, wy, wx, tall, broad, down, right, high, wide, rows, columns)
        there &= inside
        mask = there[:, None] & real[None, :]
        offset = start * 3 * q_width + head * width + t[:, None] * (3 * q_width) + d[None, :]
        q = tl.load(QKV + offset, mask=mask, other=0.0)
        k = tl.load(QKV + offset + q_width, mask=mask, other=0.0)
        v = tl.load(QKV + offset + 2 * q_width, mask=mask, other=0.0)
        if PADDED:
            k = tl.where(there[:, None], k, k_extra[None, :])
            v = tl.where(there[:, None], v, v_extra[None, :])
        at = D_OUT + start * q_width + head * width + t[:, None] * q_width + d[None, :]
        do = tl.load(at, mask=mask, other=0.0)
        lse = tl.load(LSE + (u * heads + head) * (tall * broad) + n, mask=inside, other=float("inf"))
        s = tl.dot(q, tl.trans(k)) * (scale * LOG2E) + bias
        if ((down > 0) & ((wy + 1) * tall >= high)) | ((right > 0) & ((wx + 1) * broad >= wide)):
            s = tl.where(region[:, None] == region[None, :], s, float("-inf"))
        p = tl.math.exp2(s - lse[:, None])
        dp = tl.dot(do, tl.trans(v))
        delta = tl.sum(p * dp, 1)
        ds = p * (dp - delta[:, None])
        d_bias += ds
        low = ds.to(q.dtype)
        dv = tl.dot(tl.trans(p.to(q.dtype)), do)
        dk = tl.dot(tl.trans(low), q) * scale
        dq = tl.dot(low, k) * scale
        q_sum += dq
        v_sum += do.to(tl.float32)
        tl.store(D_QKV + offset, dq.to(q.dtype), mask=mask)
        tl.store(D_QKV + offset + q_width, dk.to(q.dtype), mask=mask)
        tl.store(D_QKV + offset + 2 * q_width, dv.to(q.dtype), mask=mask)
    if TABLED:
        c = tl.arange(0, KEYS)
        tile = D_BIAS + (group * heads + head) * KEYS * KEYS
        tl.store(tile + r[:, None] * KEYS + c[None, :], d_bias)
    sums = SUMS + group * 2 * q_width + head * width + d
    tl.store(sums, tl.sum(q_sum, 0), mask=real)
    tl.store(sums + q_width, tl.sum(v_sum, 0), mask=real)


@triton.jit(do_not_specialize=["tall", "broad", "span"])
def expand(TABLE, OUT, tall, broad, span, SIDE: tl.constexpr, BLOCK: tl.constexpr, TABLED: tl.constexpr):
    """The bias of every pair of places, keys before queries: [heads, SIDE², SIDE²], in units of log 2."""
    KEYS: tl.constexpr = SIDE * SIDE
    head = tl.program_id(1)
    c = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    r = tl.arange(0, KEYS)
    ci = c // SIDE
    cj = c % SIDE
    ri = r // broad
    rj = r - ri * broad
    key = (ci < tall) & (cj < broad)
    value = _bias(TABLE, head, span, ri[None, :], rj[None, :], ci[:, None], cj[:, None], key[:, None],
                  (r < tall * broad)[None, :], TABLED)  # fmt: skip
    to = OUT + head * KEYS * KEYS + c[:, None] * KEYS + r[None, :]
    tl.store(to, value.to(OUT.dtype.element_ty))


@triton.jit(do_not_specialize=SIZES)
def backward_large(
    QKV, EXTRA, BIAS, OUT, D_OUT, LSE, D_QKV, DELTA, SUMS,
    rows, columns, high, wide, tall, broad, down, right, across, number, total, heads, channels, groups,
    scale,
    UNIT: tl.constexpr, SIDE: tl.constexpr, QUERIES: tl.constexpr, WIDTH: tl.constexpr, PADDED: tl.constexpr,
):  # fmt: skip
    """One head of every `groups`-th window: dQ, dK, dV, all keys in registers, the queries tile by tile."""
    KEYS: tl.constexpr = SIDE * SIDE
    pid = tl.program_id(0)
    head = pid % heads
    group = pid // heads
    width = channels * UNIT
    q_width = heads * width
    tokens = tall * broad
    c = tl.arange(0, KEYS)
    ci = c // SIDE
    cj = c % SIDE
    key = (ci < tall) & (cj < broad)
    d = tl.arange(0, WIDTH)
    real = d < width
    q_sum = tl.zeros([QUERIES, WIDTH], tl.float32)
    v_sum = tl.zeros([QUERIES, WIDTH], tl.float32)
    if PADDED:
        k_extra = tl.load(EXTRA + q_width + head * width + d, mask=real, other=0.0)
        v_extra = tl.load(EXTRA + 2 * q_width + head * width + d, mask=real, other=0.0)
    for u in range(group, total, groups):
        start, wy, wx = _window(u, number, across, rows, columns)
        ct, cin, cr = _token(ci, cj, wy, wx, tall, broad, down, right, high, wide, rows, columns)
        cin &= key
        offset = start * 3 * q_width + head * width
        at = offset + ct[:, None] * (3 * q_width) + d[None, :]
        k = tl.load(QKV + at + q_width, mask=cin[:, None] & real[None, :], other=0.0)
        v = tl.load(QKV + at + 2 * q_width, mask=cin[:, None] & real[None, :], other=0.0)
        if PADDED:
            k = tl.where(cin[:, None], k, k_extra[None, :])
            v = tl.where(cin[:, None], v, v_extra[None, :])
        dk = tl.zeros([KEYS, WIDTH], tl.float32)
        dv = tl.zeros([KEYS, WIDTH], tl.float32)
        edge = ((down > 0) & ((wy + 1) * tall >= high)) | ((right > 0) & ((wx + 1) * broad >= wide))
        lines = (u * heads + head) * tokens
        for begin in range(0, tokens, QUERIES):
            r = begin + tl.arange(0, QUERIES)
            ri = r // broad
            rj = r - ri * broad
            query = r < tokens
            rt, rin, rr = _token(ri, rj, wy, wx, tall, broad, down, right, high, wide, rows, columns)
            mask = (rin & query)[:, None] & real[None, :]
            q_at = offset + rt[:, None] * (3 * q_width) + d[None, :]
            o_at = start * q_width + head * width + rt[:, None] * q_width + d[None, :]
            q = tl.load(QKV + q_at, mask=mask, other=0.0)
            do = tl.load(D_OUT + o_at, mask=mask, other=0.0)
            o = tl.load(OUT + o_at, mask=mask, other=0.0)
            lse = tl.load(LSE + lines + r, mask=query, other=float("inf"))
            delta = tl.sum(do.to(tl.float32) * o.to(tl.float32), 1)
            tl.store(DELTA + lines + r, delta, mask=query)
            bias = tl.load(BIAS + head * KEYS * KEYS + c[:, None] * KEYS + r[None, :])
            s = tl.dot(k, tl.trans(q)) * (scale * LOG2E) + bias.to(tl.float32)
            if edge:
                s = tl.where(cr[:, None] == rr[None, :], s, float("-inf"))
            p = tl.math.exp2(s - lse[None, :])
            dv = tl.dot(p.to(q.dtype), do, dv)
            dp = tl.dot(v, tl.trans(do))
            ds = (p * (dp - delta[None, :])).to(q.dtype)
            dk = tl.dot(ds, q, dk)
            dq = tl.dot(tl.trans(ds), k) * scale
            q_sum += dq
            v_sum += do.to(tl.float32)
            tl.store(D_QKV + q_at, dq.to(q.dtype), mask=mask)
        tl.store(D_QKV + at + q_width, (dk * scale).to(k.dtype), mask=cin[:, None] & real[None, :])
        tl.store(D_QKV + at + 2 * q_width, dv.to(k.dtype), mask=cin[:, None] & real[None, :])
    sums = SUMS + group * 2 * q_width + head * width + d
    tl.store(sums, tl.sum(q_sum, 0), mask=real)
    tl.store(sums + q_width, tl.sum(v_sum, 0), mask=real)


@triton.jit(do_not_specialize=SIZES)
def backward_bias(
    QKV, EXTRA, TABLE, D_OUT, LSE, DELTA, D_BIAS,
    rows, columns, high, wide, tall, broad, down, right, across, number, total, heads, channels, span, groups,
    scale,
    UNIT: tl.constexpr, SIDE: tl.constexpr, QUERIES: tl.constexpr, PLACES: tl.constexpr, TILES: tl.constexpr,
    WIDTH: tl.constexpr, PADDED: tl.constexpr,
):  # fmt: skip
    """One head and one tile of pairs of every `groups`-th window: the sum of dS, [groups, heads, SIDE², SIDE²]."""
    KEYS: tl.constexpr = SIDE * SIDE
    ROWS: tl.constexpr = KEYS // PLACES
    pid = tl.program_id(0)
    head = pid % heads
    tile = (pid // heads) % TILES
    group = pid // (heads * TILES)
    width = channels * UNIT
    q_width = heads * width
    tokens = tall * broad
    r = (tile // ROWS) * QUERIES + tl.arange(0, QUERIES)
    ri = r // broad
    rj = r - ri * broad
    query = r < tokens
    c = (tile % ROWS) * PLACES + tl.arange(0, PLACES)
    ci = c // SIDE
    cj = c % SIDE
    key = (ci < tall) & (cj < broad)
    d = tl.arange(0, WIDTH)
    real = d < width
    bias = _bias(TABLE, head, span, ri[:, None], rj[:, None], ci[None, :], cj[None, :], key[None, :],
                 query[:, None], True)  # fmt: skip
    d_bias = tl.zeros([QUERIES, PLACES], tl.float32)
    if PADDED:
        k_extra = tl.load(EXTRA + q_width + head * width + d, mask=real, other=0.0)
        v_extra = tl.load(EXTRA + 2 * q_width + head * width + d, mask=real, other=0.0)
    for u in range(group, total, groups):
        start, wy, wx = _window(u, number, across, rows, columns)
        rt, rin, rr = _token(ri, rj, wy, wx, tall, broad, down, right, high, wide, rows, columns)
        ct, cin, cr = _token(ci, cj, wy, wx, tall, broad, down, right, high, wide, rows, columns)
        rin &= query
        cin &= key
        offset = start * 3 * q_width + head * width
        at = QKV + offset + ct[:, None] * (3 * q_width) + d[None, :]
        q = tl.load(QKV + offset + rt[:, None] * (3 * q_width) + d[None, :], mask=rin[:, None] & real[None, :],
                    other=0.0)  # fmt: skip
        k = tl.load(at + q_width, mask=cin[:, None] & real[None, :], other=0.0)
        v = tl.load(at + 2 * q_width, mask=cin[:, None] & real[None, :], other=0.0)
        do = tl.load(D_OUT + start * q_width + head * width + rt[:, None] * q_width + d[None, :],
                     mask=rin[:, None] & real[None, :], other=0.0)  # fmt: skip
        if PADDED:
            k = tl.where(cin[:, None], k, k_extra[None, :])
            v = tl.where(cin[:, None], v, v_extra[None, :])
        lines = (u * heads + head) * tokens + r
        lse = tl.load(LSE + lines, mask=query, other=float("inf"))
        delta = tl.load(DELTA + lines, mask=query, other=0.0)
        s = tl.dot(q, tl.trans(k)) * (scale * LOG2E) + bias
        if ((down > 0) & ((wy + 1) * tall >= high)) | ((right > 0) & ((wx + 1) * broad >= wide)):
            s = tl.where(rr[:, None] == cr[None, :], s, float("-inf"))
        p = tl.math.exp2(s - lse[:, None])
        d_bias += p * (tl.dot(do, tl.trans(v)) - delta[:, None])
    to = D_BIAS + (group * heads + head) * KEYS * KEYS + r[:, None] * KEYS + c[None, :]
    tl.store(to, d_bias)


@triton.jit(do_not_specialize=["tall", "broad", "span", "heads", "groups"])
def table(D_BIAS, D_TABLE, tall, broad, span, heads, groups, SIDE: tl.constexpr, PACKED: tl.constexpr):
    """Add to an entry of the table's gradient the sum over groups and over all pairs of its offset.

    PACKED: whether queries are counted without gaps, as keys are not.
    """
    KEYS: tl.constexpr = SIDE * SIDE
    wide = 2 * broad - 1
    entry = tl.program_id(0)
    head = tl.program_id(1)
    dy = entry // wide - (tall - 1)
    dx = entry % wide - (broad - 1)
    c = tl.arange(0, KEYS)
    qi = c // SIDE - dy
    qj = c % SIDE - dx
    key = (c // SIDE < tall) & (c % SIDE < broad)
    pair = key & (qi >= 0) & (qi < tall) & (qj >= 0) & (qj < broad)
    r = qi * (broad if PACKED else SIDE) + qj
    total = tl.zeros([KEYS], tl.float32)
    for group in range(groups):
        total += tl.load(D_BIAS + (group * heads + head) * KEYS * KEYS + r * KEYS + c, mask=pair, other=0.0)
    side = 2 * span - 1
    to = D_TABLE + head * side * side + (dy + span - 1) * side + dx + span - 1
    tl.store(to, tl.load(to) + tl.sum(total, 0))
