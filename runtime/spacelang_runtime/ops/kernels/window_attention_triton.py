"""Shifted-window attention in one kernel, read and written where the projections leave and expect their tokens.

Triton; sizes are run-time arguments, so that one compilation serves every architecture. Cyclic shift, padding,
partition, relative position bias and the mask of shifted windows are index arithmetic: no window is copied and
nothing of the size of a window squared is stored for a window.

**Places.** A window lies in SIDE × SIDE places, SIDE a power of two: place p holds the token of row p // SIDE and
column p % SIDE of the window, and none beyond its sides. PLACES tells for each window of a map and each place
where it is, as one number: 8·token + 4·(whether it lies in the map) + the part of the map that the roll of a
shifted window brought it from (0 to 3); tokens of different parts do not attend to each other.

**Backward.** With P = softmax(S), S = scale·QKᵀ + bias, and δ the sum over a row of dO ∘ O (Dao et al., 2022,
appendix B.2): dV = PᵀdO, dS = P ∘ (dO Vᵀ − δ), dQ = scale·dS K, dK = scale·dSᵀQ, and the table's gradient is the
sum of dS over all windows and all pairs of its offset. A window of 8 × 8 places fits one tile, which does all of
it, with the sum over its windows in registers. For 16 × 16 places one kernel makes dQ, dK and dV with all keys in
registers, and another sums dS tile by tile. No atomic additions: the same input gives the same bits.

**The bias of q, k, v.** Its gradients are the column sums of dQ, zero (a constant added to every key moves no
softmax), and the column sum of dO (rows of P sum to 1). That holds with padded windows too, whose padding has the
bias for its k and v.
"""

from __future__ import annotations

import triton
import triton.language as tl

LOG2E = tl.constexpr(1.4426950408889634)
SIZES = ["tokens", "number", "images", "heads", "channels", "tall", "broad", "span", "splits"]


@triton.jit
def _places(PLACES, p, valid, PADDED: tl.constexpr):
    """Of places of a window: the tokens, whether they are in the map, and their parts of it."""
    code = tl.load(PLACES + p)
    if PADDED:
        valid &= (code & 4) != 0
    return code >> 3, valid, code & 3


@triton.jit
def _rows(at, there, d, width, extra, EXACT: tl.constexpr, PADDED: tl.constexpr):
    """Rows of q, k, v or of a gradient. Where windows have no padding, places beyond a window hold the map's first
    token, which the bias of −∞ or the logarithm of ∞ keeps out of everything."""
    if PADDED:
        x = tl.load(at, mask=there[:, None] & (d < width)[None, :], other=0.0)
        x = tl.where(there[:, None], x, extra[None, :])
    elif EXACT:
        x = tl.load(at)
    else:
        x = tl.load(at, mask=(d < width)[None, :], other=0.0)
    return x


@triton.jit
def _bias(TABLE, head, span, q, k, tall, broad, SIDE: tl.constexpr, TABLED: tl.constexpr):
    """The bias between places of queries and of keys in units of log 2, −∞ for keys that are none."""
    qi = q // SIDE
    qj = q % SIDE
    ki = k // SIDE
    kj = k % SIDE
    wide = 2 * span - 1
    entry = (ki - qi + span - 1) * wide + kj - qj + span - 1
    key = (ki < tall) & (kj < broad)
    value = tl.zeros(entry.shape, tl.float32)
    if TABLED:
        pair = key & (qi < tall) & (qj < broad)
        value = tl.load(TABLE + head * wide * wide + entry, mask=pair, other=0.0).to(tl.float32) * LOG2E
    return tl.where(key, value, float("-inf"))


@triton.jit
def _extra(EXTRA, which, q_width, head, width, d):
    return tl.load(EXTRA + which * q_width + head * width + d, mask=d < width, other=0.0)


@triton.jit(do_not_specialize=SIZES)
def forward_small(
    QKV, EXTRA, TABLE, PLACES, OUT, LSE,
    tokens, number, images, heads, channels, tall, broad, span, splits, scale,
    UNIT: tl.constexpr, SIDE: tl.constexpr, WIDTH: tl.constexpr, TABLED: tl.constexpr, PADDED: tl.constexpr,
    SHIFTED: tl.constexpr,
):  # fmt: skip
    """One head of one window of every `splits`-th map: what its queries gather, and log2 of their sums."""
    SLOTS: tl.constexpr = SIDE * SIDE
    EXACT: tl.constexpr = UNIT == WIDTH
    pid = tl.program_id(0)
    head = pid % heads
    w = pid // heads % number
    width = channels * UNIT
    q_width = heads * width
    r = tl.arange(0, SLOTS)
    d = tl.arange(0, WIDTH)
    inside = (r // SIDE < tall) & (r % SIDE < broad)
    t, there, part = _places(PLACES + w * SLOTS, r, inside, PADDED)
    bias = _bias(TABLE, head, span, r[:, None], r[None, :], tall, broad, SIDE, TABLED)
    if SHIFTED:
        bias = tl.where(part[:, None] == part[None, :], bias, float("-inf"))
    k_extra = d
    v_extra = d
    if PADDED:
        k_extra = _extra(EXTRA, 1, q_width, head, width, d)
        v_extra = _extra(EXTRA, 2, q_width, head, width, d)
    none = tl.zeros_like(k_extra)
    at = t[:, None] * (3 * q_width) + d[None, :]
    to = t[:, None] * q_width + d[None, :]
    for image in range(pid // (heads * number), images, splits):
        start = tl.cast(image, tl.int64) * tokens
        base = QKV + start * 3 * q_width + head * width
        q = _rows(base + at, there, d, width, none, EXACT, PADDED)
        k = _rows(base + q_width + at, there, d, width, k_extra, EXACT, PADDED)
        v = _rows(base + 2 * q_width + at, there, d, width, v_extra, EXACT, PADDED)
        s = tl.dot(q, tl.trans(k)) * (scale * LOG2E) + bias
        top = tl.max(s, 1)
        p = tl.math.exp2(s - top[:, None])
        whole = tl.sum(p, 1)
        o = tl.dot(p.to(v.dtype), v) / whole[:, None]
        out = OUT + start * q_width + head * width
        tl.store(out + to, o.to(OUT.dtype.element_ty), mask=there[:, None] & (d < width)[None, :])
        lse = LSE + ((image * number + w) * heads + head) * SLOTS
        tl.store(lse + r, top + tl.math.log2(whole), mask=inside)


@triton.jit
def _half(q, k, v, bias, scale, top, whole, o):
    """What a tile of queries gathers from more keys (Milakov and Gimelshein, 2018)."""
    s = tl.dot(q, tl.trans(k)) * (scale * LOG2E) + bias.to(tl.float32)
    above = tl.maximum(top, tl.max(s, 1))
    p = tl.math.exp2(s - above[:, None])
    less = tl.math.exp2(top - above)
    whole = whole * less + tl.sum(p, 1)
    return above, whole, tl.dot(p.to(v.dtype), v, o * less[:, None])


@triton.jit(do_not_specialize=SIZES)
def forward_large(
    QKV, EXTRA, BIAS, PLACES, OUT, LSE,
    tokens, number, images, heads, channels, tall, broad, splits, scale,
    UNIT: tl.constexpr, SIDE: tl.constexpr, QUERIES: tl.constexpr, WIDTH: tl.constexpr, PADDED: tl.constexpr,
    SHIFTED: tl.constexpr,
):  # fmt: skip
    """One head of one window of every `splits`-th map: what its queries gather, tile by tile, from two halves of
    the keys."""
    SLOTS: tl.constexpr = SIDE * SIDE
    HALF: tl.constexpr = SLOTS // 2
    EXACT: tl.constexpr = UNIT == WIDTH
    pid = tl.program_id(0)
    head = pid % heads
    w = pid // heads % number
    place = PLACES + w * SLOTS
    width = channels * UNIT
    q_width = heads * width
    d = tl.arange(0, WIDTH)
    c0 = tl.arange(0, HALF)
    c1 = HALF + c0
    k_extra = d
    v_extra = d
    if PADDED:
        k_extra = _extra(EXTRA, 1, q_width, head, width, d)
        v_extra = _extra(EXTRA, 2, q_width, head, width, d)
    none = tl.zeros_like(k_extra)
    t0, in0, _a = _places(place, c0, (c0 // SIDE < tall) & (c0 % SIDE < broad), PADDED)
    t1, in1, _b = _places(place, c1, (c1 // SIDE < tall) & (c1 % SIDE < broad), PADDED)
    at0 = t0[:, None] * (3 * q_width) + d[None, :]
    at1 = t1[:, None] * (3 * q_width) + d[None, :]
    near = _kind(BIAS, place, head, heads, tall, broad, SIDE, SHIFTED)
    for image in range(pid // (heads * number), images, splits):
        start = tl.cast(image, tl.int64) * tokens
        base = QKV + start * 3 * q_width + head * width
        out = OUT + start * q_width + head * width
        lse = LSE + ((image * number + w) * heads + head) * SLOTS
        k0 = _rows(base + q_width + at0, in0, d, width, k_extra, EXACT, PADDED)
        v0 = _rows(base + 2 * q_width + at0, in0, d, width, v_extra, EXACT, PADDED)
        k1 = _rows(base + q_width + at1, in1, d, width, k_extra, EXACT, PADDED)
        v1 = _rows(base + 2 * q_width + at1, in1, d, width, v_extra, EXACT, PADDED)
        for begin in range(0, tall * SIDE, QUERIES):
            r = begin + tl.arange(0, QUERIES)
            query = (r // SIDE < tall) & (r % SIDE < broad)
            rt, there, _c = _places(place, r, query, PADDED)
            q = _rows(base + rt[:, None] * (3 * q_width) + d[None, :], there, d, width, none, EXACT, PADDED)
            bias = near + r[:, None] * SLOTS + c0[None, :]
            top = tl.full([QUERIES], -1e30, tl.float32)
            whole = tl.zeros([QUERIES], tl.float32)
            o = tl.zeros([QUERIES, WIDTH], tl.float32)
            top, whole, o = _half(q, k0, v0, tl.load(bias), scale, top, whole, o)
            top, whole, o = _half(q, k1, v1, tl.load(bias + HALF), scale, top, whole, o)
            to = out + rt[:, None] * q_width + d[None, :]
            tl.store(to, (o / whole[:, None]).to(OUT.dtype.element_ty), mask=there[:, None] & (d < width)[None, :])
            tl.store(lse + r, tl.where(query, top + tl.math.log2(whole), float("inf")))


@triton.jit
def _kind(BIAS, place, head, heads, tall, broad, SIDE: tl.constexpr, SHIFTED: tl.constexpr):
    """The expanded bias of a head for a window's kind: which ends of the map it holds (see `expand`)."""
    near = BIAS + head * SIDE * SIDE * SIDE * SIDE
    if SHIFTED:
        kind = tl.load(place + (tall - 1) * SIDE + broad - 1) & 3
        near += kind * heads * SIDE * SIDE * SIDE * SIDE
    return near


@triton.jit(do_not_specialize=SIZES)
def backward_small(
    QKV, EXTRA, TABLE, PLACES, D_OUT, LSE, D_QKV, D_BIAS, SUMS,
    tokens, number, images, heads, channels, tall, broad, span, splits, scale,
    UNIT: tl.constexpr, SIDE: tl.constexpr, WIDTH: tl.constexpr, TABLED: tl.constexpr, PADDED: tl.constexpr,
    SHIFTED: tl.constexpr,
):  # fmt: skip
    """One head of one window of every `splits`-th map: dQ, dK, dV; and the sums of dS, dQ and dO over the maps."""
    SLOTS: tl.constexpr = SIDE * SIDE
    EXACT: tl.constexpr = UNIT == WIDTH
    pid = tl.program_id(0)
    head = pid % heads
    group = pid // heads
    w = group % number
    width = channels * UNIT
    q_width = heads * width
    r = tl.arange(0, SLOTS)
    d = tl.arange(0, WIDTH)
    inside = (r // SIDE < tall) & (r % SIDE < broad)
    t, there, part = _places(PLACES + w * SLOTS, r, inside, PADDED)
    bias = _bias(TABLE, head, span, r[:, None], r[None, :], tall, broad, SIDE, TABLED)
    if SHIFTED:
        bias = tl.where(part[:, None] == part[None, :], bias, float("-inf"))
    d_bias = tl.zeros([SLOTS, SLOTS], tl.float32)
    q_sum = tl.zeros([SLOTS, WIDTH], tl.float32)
    v_sum = tl.zeros([SLOTS, WIDTH], tl.float32)
    k_extra = d
    v_extra = d
    if PADDED:
        k_extra = _extra(EXTRA, 1, q_width, head, width, d)
        v_extra = _extra(EXTRA, 2, q_width, head, width, d)
    none = tl.zeros_like(k_extra)
    at = t[:, None] * (3 * q_width) + d[None, :]
    to = t[:, None] * q_width + d[None, :]
    mask = there[:, None] & (d < width)[None, :]
    for image in range(group // number, images, splits):
        start = tl.cast(image, tl.int64) * tokens
        base = QKV + start * 3 * q_width + head * width
        d_base = D_QKV + start * 3 * q_width + head * width
        q = _rows(base + at, there, d, width, none, EXACT, PADDED)
        k = _rows(base + q_width + at, there, d, width, k_extra, EXACT, PADDED)
        v = _rows(base + 2 * q_width + at, there, d, width, v_extra, EXACT, PADDED)
        do = tl.load(D_OUT + start * q_width + head * width + to, mask=mask, other=0.0)
        lse = tl.load(LSE + ((image * number + w) * heads + head) * SLOTS + r, mask=inside, other=float("inf"))
        s = tl.dot(q, tl.trans(k)) * (scale * LOG2E) + bias
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
        tl.store(d_base + at, dq.to(q.dtype), mask=mask)
        tl.store(d_base + q_width + at, dk.to(q.dtype), mask=mask)
        tl.store(d_base + 2 * q_width + at, dv.to(q.dtype), mask=mask)
    if TABLED:
        c = tl.arange(0, SLOTS)
        tl.store(D_BIAS + (group * heads + head) * SLOTS * SLOTS + r[:, None] * SLOTS + c[None, :], d_bias)
    sums = SUMS + group * 2 * q_width + head * width + d
    tl.store(sums, tl.sum(q_sum, 0), mask=d < width)
    tl.store(sums + q_width, tl.sum(v_sum, 0), mask=d < width)


@triton.jit(do_not_specialize=["heads", "tall", "broad", "down", "right", "span"])
def expand(
    TABLE, OUT, heads, tall, broad, down, right, span,
    SIDE: tl.constexpr, BLOCK: tl.constexpr, TABLED: tl.constexpr, BACK: tl.constexpr,
):  # fmt: skip
    """The bias of every pair of places, [kinds, heads, SIDE², SIDE²], in units of log 2; keys before queries if
    BACK.

    Of a shifted map four kinds of windows: 2 for those at its lower end, whose last `down` rows the roll brought
    from its upper end, and 1 for those at its right end likewise. Tokens from two ends get −∞.
    """
    SLOTS: tl.constexpr = SIDE * SIDE
    head = tl.program_id(1)
    kind = tl.program_id(2)
    c = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    r = tl.arange(0, SLOTS)
    value = _bias(TABLE, head, span, r[None, :], c[:, None], tall, broad, SIDE, TABLED)
    if kind & 2:
        value = tl.where(
            (c // SIDE >= tall - down)[:, None] == (r // SIDE >= tall - down)[None, :], value, float("-inf")
        )
    if kind & 1:
        value = tl.where(
            (c % SIDE >= broad - right)[:, None] == (r % SIDE >= broad - right)[None, :], value, float("-inf")
        )
    at = c[:, None] * SLOTS + r[None, :] if BACK else r[None, :] * SLOTS + c[:, None]
    tl.store(OUT + (kind * heads + head) * SLOTS * SLOTS + at, value.to(OUT.dtype.element_ty))


@triton.jit(do_not_specialize=SIZES)
def rows(
    PLACES, OUT, D_OUT, LSE, ROWS, SUMS, tokens, number, images, heads, channels, tall, broad, splits, scale,
    UNIT: tl.constexpr, SIDE: tl.constexpr, WIDTH: tl.constexpr, QUERIES: tl.constexpr, PADDED: tl.constexpr,
):  # fmt: skip
    """One head of one window of every `splits`-th map: what is subtracted from the rows of S and of dO Vᵀ, as
    columns that a product takes beside those of Q and dO (see `_ones`); the sum of dO, which SUMS has after that of
    dQ."""
    SLOTS: tl.constexpr = SIDE * SIDE
    pid = tl.program_id(0)
    head = pid % heads
    group = pid // heads
    w = group % number
    width = channels * UNIT
    q_width = heads * width
    d = tl.arange(0, WIDTH)
    e = tl.arange(0, 16)[None, :]
    v_sum = tl.zeros([QUERIES, WIDTH], tl.float32)
    for image in range(group // number, images, splits):
        at = tl.cast(image, tl.int64) * tokens * q_width + head * width
        for begin in range(0, SLOTS, QUERIES):
            r = begin + tl.arange(0, QUERIES)
            query = (r // SIDE < tall) & (r % SIDE < broad)
            t, there, _a = _places(PLACES + w * SLOTS, r, query, PADDED)
            mask = there[:, None] & (d < width)[None, :]
            row = at + t[:, None] * q_width + d[None, :]
            do = tl.load(D_OUT + row, mask=mask, other=0.0).to(tl.float32)
            o = tl.load(OUT + row, mask=mask, other=0.0).to(tl.float32)
            v_sum += do
            lines = ((image * number + w) * heads + head) * SLOTS + r
            level = tl.load(LSE + lines, mask=query, other=1e30) * (-1.0 / (scale * LOG2E))
            delta = -tl.sum(do * o, 1)
            high = level.to(ROWS.dtype.element_ty)
            top = delta.to(ROWS.dtype.element_ty)
            low = (level - high.to(tl.float32)).to(ROWS.dtype.element_ty)
            rest = (delta - top.to(tl.float32)).to(ROWS.dtype.element_ty)
            value = tl.where(e == 0, high[:, None], tl.where(e == 1, low[:, None], 0.0))
            value = tl.where(e == 2, top[:, None], tl.where(e == 3, rest[:, None], value))
            tl.store(ROWS + lines.to(tl.int64)[:, None] * 16 + e, value.to(ROWS.dtype.element_ty))
    tl.store(SUMS + group * 2 * q_width + q_width + head * width + d, tl.sum(v_sum, 0), mask=d < width)


@triton.jit
def _ones(FIRST: tl.constexpr, SIZE: tl.constexpr, kind: tl.constexpr):
    """The other factor of the columns that `rows` makes: 1 for those of a number in two pieces, of which bf16 holds
    each, 0 elsewhere. So the tensor cores subtract, and no register holds what they subtract."""
    e = tl.arange(0, 16)[None, :] + tl.zeros([SIZE, 1], tl.int32)
    return ((e >= FIRST) & (e < FIRST + 2)).to(kind)


@triton.jit
def _queries(base, d_out, lines, rt, there, r, d, width, q_width, none, EXACT: tl.constexpr, PADDED: tl.constexpr):
    """Of a tile of queries: Q, dO, and the columns of `rows`."""
    q = _rows(base + rt[:, None] * (3 * q_width) + d[None, :], there, d, width, none, EXACT, PADDED)
    do = _rows(d_out + rt[:, None] * q_width + d[None, :], there, d, width, none, EXACT, PADDED)
    return q, do, tl.load(lines + r[:, None] * 16 + tl.arange(0, 16)[None, :])


@triton.jit
def _pairs(q, do, less, near, k, v, dq, dk, dv, r, c, scale, SLOTS: tl.constexpr, SIZE: tl.constexpr):
    """What a tile of keys and a tile of queries add to each other's gradients."""
    bias = tl.load(near + c[:, None] * SLOTS + r[None, :])
    s = tl.dot(k, tl.trans(q))
    s = tl.dot(_ones(0, SIZE, q.dtype), tl.trans(less), s)
    p = tl.math.exp2(s * (scale * LOG2E) + bias.to(tl.float32))
    dv = tl.dot(p.to(q.dtype), do, dv)
    dp = tl.dot(v, tl.trans(do))
    dp = tl.dot(_ones(2, SIZE, q.dtype), tl.trans(less), dp)
    ds = (p * dp).to(q.dtype)
    dk = tl.dot(ds, q, dk)
    dq = tl.dot(tl.trans(ds), k, dq)
    return dq, dk, dv


@triton.jit(do_not_specialize=SIZES)
def backward_large(
    QKV, EXTRA, BIAS, PLACES, D_OUT, ROWS, D_QKV, SUMS,
    tokens, number, images, heads, channels, tall, broad, splits, scale,
    UNIT: tl.constexpr, SIDE: tl.constexpr, WIDTH: tl.constexpr, PADDED: tl.constexpr, SHIFTED: tl.constexpr,
    STAGES: tl.constexpr,
):  # fmt: skip
    """One head of one window of every `splits`-th map: dQ, dK, dV. Tiles of keys one after the other, each with all
    four tiles of queries, whose dQ stay in registers."""
    SLOTS: tl.constexpr = SIDE * SIDE
    SIZE: tl.constexpr = SLOTS // 4
    EXACT: tl.constexpr = UNIT == WIDTH
    pid = tl.program_id(0)
    head = pid % heads
    group = pid // heads
    w = group % number
    place = PLACES + w * SLOTS
    width = channels * UNIT
    q_width = heads * width
    d = tl.arange(0, WIDTH)
    q_sum = tl.zeros([WIDTH], tl.float32)
    k_extra = d
    v_extra = d
    if PADDED:
        k_extra = _extra(EXTRA, 1, q_width, head, width, d)
        v_extra = _extra(EXTRA, 2, q_width, head, width, d)
    none = tl.zeros_like(k_extra)
    r0 = tl.arange(0, SIZE)
    r1 = SIZE + r0
    r2 = 2 * SIZE + r0
    r3 = 3 * SIZE + r0
    on0 = (r0 // SIDE < tall) & (r0 % SIDE < broad)
    on1 = (r1 // SIDE < tall) & (r1 % SIDE < broad)
    on2 = (r2 // SIDE < tall) & (r2 % SIDE < broad)
    on3 = (r3 // SIDE < tall) & (r3 % SIDE < broad)
    t0, in0, _a = _places(place, r0, on0, PADDED)
    t1, in1, _b = _places(place, r1, on1, PADDED)
    t2, in2, _c = _places(place, r2, on2, PADDED)
    t3, in3, _d = _places(place, r3, on3, PADDED)
    near = _kind(BIAS, place, head, heads, tall, broad, SIDE, SHIFTED)
    for image in range(group // number, images, splits):
        start = tl.cast(image, tl.int64) * tokens
        base = QKV + start * 3 * q_width + head * width
        to = D_QKV + start * 3 * q_width + head * width
        d_out = D_OUT + start * q_width + head * width
        lines = ROWS + tl.cast((image * number + w) * heads + head, tl.int64) * SLOTS * 16
        q0, do0, less0 = _queries(base, d_out, lines, t0, in0, r0, d, width, q_width, none, EXACT, PADDED)
        q1, do1, less1 = _queries(base, d_out, lines, t1, in1, r1, d, width, q_width, none, EXACT, PADDED)
        q2, do2, less2 = _queries(base, d_out, lines, t2, in2, r2, d, width, q_width, none, EXACT, PADDED)
        q3, do3, less3 = _queries(base, d_out, lines, t3, in3, r3, d, width, q_width, none, EXACT, PADDED)
        dq0 = tl.zeros([SIZE, WIDTH], tl.float32)
        dq1 = tl.zeros([SIZE, WIDTH], tl.float32)
        dq2 = tl.zeros([SIZE, WIDTH], tl.float32)
        dq3 = tl.zeros([SIZE, WIDTH], tl.float32)
        for begin in tl.range(0, tall * SIDE, SIZE, num_stages=STAGES):
            c = begin + tl.arange(0, SIZE)
            ct, key_there, _e = _places(place, c, (c // SIDE < tall) & (c % SIDE < broad), PADDED)
            at = ct[:, None] * (3 * q_width) + d[None, :]
            k = _rows(base + q_width + at, key_there, d, width, k_extra, EXACT, PADDED)
            v = _rows(base + 2 * q_width + at, key_there, d, width, v_extra, EXACT, PADDED)
            dk = tl.zeros([SIZE, WIDTH], tl.float32)
            dv = tl.zeros([SIZE, WIDTH], tl.float32)
            dq0, dk, dv = _pairs(q0, do0, less0, near, k, v, dq0, dk, dv, r0, c, scale, SLOTS, SIZE)
            dq1, dk, dv = _pairs(q1, do1, less1, near, k, v, dq1, dk, dv, r1, c, scale, SLOTS, SIZE)
            dq2, dk, dv = _pairs(q2, do2, less2, near, k, v, dq2, dk, dv, r2, c, scale, SLOTS, SIZE)
            dq3, dk, dv = _pairs(q3, do3, less3, near, k, v, dq3, dk, dv, r3, c, scale, SLOTS, SIZE)
            mask = key_there[:, None] & (d < width)[None, :]
            tl.store(to + q_width + at, (dk * scale).to(k.dtype), mask=mask)
            tl.store(to + 2 * q_width + at, dv.to(k.dtype), mask=mask)
        q_sum += tl.sum(dq0 + dq1 + (dq2 + dq3), 0) * scale
        real = (d < width)[None, :]
        kind = QKV.dtype.element_ty
        tl.store(to + t0[:, None] * (3 * q_width) + d[None, :], (dq0 * scale).to(kind), mask=in0[:, None] & real)
        tl.store(to + t1[:, None] * (3 * q_width) + d[None, :], (dq1 * scale).to(kind), mask=in1[:, None] & real)
        tl.store(to + t2[:, None] * (3 * q_width) + d[None, :], (dq2 * scale).to(kind), mask=in2[:, None] & real)
        tl.store(to + t3[:, None] * (3 * q_width) + d[None, :], (dq3 * scale).to(kind), mask=in3[:, None] & real)
    tl.store(SUMS + group * 2 * q_width + head * width + d, q_sum, mask=d < width)


@triton.jit(do_not_specialize=SIZES)
def backward_bias(
    QKV, EXTRA, TABLE, PLACES, D_OUT, ROWS, D_BIAS,
    tokens, number, images, heads, channels, tall, broad, span, splits, scale,
    UNIT: tl.constexpr, SIDE: tl.constexpr, QUERIES: tl.constexpr, KEYS: tl.constexpr, WIDTH: tl.constexpr,
    PADDED: tl.constexpr, SHIFTED: tl.constexpr,
):  # fmt: skip
    """One head and one tile of pairs of one window of every `splits`-th map: the sum of dS over the maps,
    [number·splits, heads, SIDE², SIDE²]."""
    SLOTS: tl.constexpr = SIDE * SIDE
    EXACT: tl.constexpr = UNIT == WIDTH
    across = (tall * SIDE + KEYS - 1) // KEYS
    tiles = (tall * SIDE + QUERIES - 1) // QUERIES * across
    pid = tl.program_id(0)
    head = pid % heads
    tile = (pid // heads) % tiles
    group = pid // (heads * tiles)
    w = group % number
    width = channels * UNIT
    q_width = heads * width
    r = tile // across * QUERIES + tl.arange(0, QUERIES)
    c = tile % across * KEYS + tl.arange(0, KEYS)
    d = tl.arange(0, WIDTH)
    query = (r // SIDE < tall) & (r % SIDE < broad)
    rt, there, rr = _places(PLACES + w * SLOTS, r, query, PADDED)
    ct, key_there, cr = _places(PLACES + w * SLOTS, c, (c // SIDE < tall) & (c % SIDE < broad), PADDED)
    bias = _bias(TABLE, head, span, r[:, None], c[None, :], tall, broad, SIDE, True)
    if SHIFTED:
        bias = tl.where(rr[:, None] == cr[None, :], bias, float("-inf"))
    d_bias = tl.zeros([QUERIES, KEYS], tl.float32)
    k_extra = d
    v_extra = d
    if PADDED:
        k_extra = _extra(EXTRA, 1, q_width, head, width, d)
        v_extra = _extra(EXTRA, 2, q_width, head, width, d)
    none = tl.zeros_like(k_extra)
    for image in range(group // number, images, splits):
        start = tl.cast(image, tl.int64) * tokens
        base = QKV + start * 3 * q_width + head * width
        d_out = D_OUT + start * q_width + head * width
        at = ct[:, None] * (3 * q_width) + d[None, :]
        q = _rows(base + rt[:, None] * (3 * q_width) + d[None, :], there, d, width, none, EXACT, PADDED)
        k = _rows(base + q_width + at, key_there, d, width, k_extra, EXACT, PADDED)
        v = _rows(base + 2 * q_width + at, key_there, d, width, v_extra, EXACT, PADDED)
        do = _rows(d_out + rt[:, None] * q_width + d[None, :], there, d, width, none, EXACT, PADDED)
        lines = ROWS + tl.cast((image * number + w) * heads + head, tl.int64) * SLOTS * 16
        less = tl.load(lines + r[:, None] * 16 + tl.arange(0, 16)[None, :])
        s = tl.dot(q, tl.trans(k))
        s = tl.dot(less, tl.trans(_ones(0, KEYS, q.dtype)), s)
        dp = tl.dot(do, tl.trans(v))
        dp = tl.dot(less, tl.trans(_ones(2, KEYS, q.dtype)), dp)
        d_bias += tl.math.exp2(s * (scale * LOG2E) + bias) * dp
    tl.store(D_BIAS + (group * heads + head) * SLOTS * SLOTS + r[:, None] * SLOTS + c[None, :], d_bias)


@triton.jit(do_not_specialize=["tall", "broad", "span", "heads", "groups"])
def table(D_BIAS, D_TABLE, tall, broad, span, heads, groups, SIDE: tl.constexpr, LINES: tl.constexpr):
    """Add to an entry of the table's gradient the sum over groups and over all pairs of its offset."""
    SLOTS: tl.constexpr = SIDE * SIDE
    wide = 2 * broad - 1
    entry = tl.program_id(0)
    head = tl.program_id(1)
    dy = entry // wide - (tall - 1)
    dx = entry % wide - (broad - 1)
    c = tl.arange(0, SLOTS)
    qi = c // SIDE - dy
    qj = c % SIDE - dx
    key = (c // SIDE < tall) & (c % SIDE < broad)
    pair = key & (qi >= 0) & (qi < tall) & (qj >= 0) & (qj < broad)
    at = (qi * SIDE + qj) * SLOTS + c
    total = tl.zeros([LINES, SLOTS], tl.float32)
    for begin in range(0, groups, LINES):
        group = begin + tl.arange(0, LINES)
        lines = D_BIAS + ((group * heads + head) * SLOTS * SLOTS)[:, None]
        total += tl.load(lines + at[None, :], mask=(group < groups)[:, None] & pair[None, :], other=0.0)
    side = 2 * span - 1
    to = D_TABLE + head * side * side + (dy + span - 1) * side + dx + span - 1
    tl.store(to, tl.load(to) + tl.sum(tl.sum(total, 1), 0))
