"""Attention over a whole map, with AutoFormer's relative positions for keys and values (Chen et al., 2021).

A pair of a query at (i, j) and a key at (k, l) has the embedding row[k − i] + column[l − j]. Nothing of the size of
all pairs is made of them. For keys: q·row and q·column for every entry of the tables are one small product; shifted
by i and by j they depend on k alone and on l alone, and a product with a matrix of ones (`_axes` of the
kernel) hands them out to the keys. For values: the same matrix sums the weights along the rows and columns of keys;
shifted back, a small product with the tables gives what is added. Gradients go the same ways.

The plain reference is `attention.attend`.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from spacelang_runtime.ops.kernels.hardware import padded
from spacelang_runtime.ops.kernels.launch import launch_kernel
from spacelang_runtime.ops.memoize import memoize
from spacelang_runtime.ops.windows import Cut, Grid

LONGEST = 14  # side of the largest map: 16 places hold it, the class token, and one that stays empty
WIDEST = 64
ENTRIES = 32  # of a table, padded
TILES = {
    "forward": {"QUERIES": 64, "KEYS": 64, "num_warps": 4, "num_stages": 2},
    "queries": {"QUERIES": 64, "KEYS": 64, "num_warps": 4, "num_stages": 2},
    "keys": {"QUERIES": 64, "KEYS": 64, "num_warps": 4, "num_stages": 2},
}


class Gathered(NamedTuple):
    """out: [tokens, Q]. lse: of each place. ways: see `_shifted`; shares: the weights' sums for each entry of the
    tables, [heads, tokens, 2·ENTRIES]; both None without relative positions."""

    out: Tensor
    lse: Tensor
    ways: Tensor | None
    shares: Tensor | None


def serves(cut: Cut, width: int, relative: Tensor | None) -> bool:
    """Whether the kernels know maps of this cut with heads of this width and these tables."""
    fits = cut.whole and max(cut.window) <= LONGEST and width <= WIDEST and width % 4 == 0
    if relative is None:
        return fits
    entries = relative.shape[1]
    return fits and entries <= ENTRIES and max(cut.window) <= (entries - 2) // 2 + 1


def forward(qkv: Tensor, relative: Tensor | None, heads: int, cut: Cut) -> Gathered:
    """qkv: [B·tokens, 3·Q]. relative: [4, entries, head width], see `position_embedding.relative`."""
    from spacelang_runtime.ops.kernels import global_attention_triton

    sizes, constants = _sizes(qkv, heads, cut, relative is not None)
    images, q = sizes[2], qkv.shape[1] // 3
    out = qkv.new_empty(len(qkv), q)
    lse = torch.empty(heads, images, 256, device=qkv.device)
    ways = shares = None
    if relative is not None:
        ways = _shifted(_heads(qkv, heads, q), relative[:2], cut, images)
        shares = torch.empty_like(ways)
    choice = TILES["forward"]
    launch_kernel(
        global_attention_triton.forward, (256 // choice["QUERIES"] * heads * images,),
        qkv, out if ways is None else ways, out, lse, out if shares is None else shares, *sizes,
        (q // heads) ** -0.5, **constants, **choice,
    )  # fmt: skip
    if relative is not None:
        shares = _back(shares, cut, relative.shape[1])
        if cut.token:  # to and from the class token all ways are the tables' first entries
            shares.view(heads, images, -1, 2, ENTRIES)[:, :, 0, :, 0] = 1.0
        _heads(out, heads, q).baddbmm_(shares, _tables(relative[2:], heads))
    return Gathered(out, lse, ways, shares)


def backward(
    qkv: Tensor, relative: Tensor | None, heads: int, cut: Cut, found: Gathered, d_out: Tensor
) -> tuple[Tensor, Tensor | None]:
    """The gradients of qkv and of the tables, these in float32."""
    from spacelang_runtime.ops.kernels import global_attention_triton

    sizes, constants = _sizes(qkv, heads, cut, relative is not None)
    images, q = sizes[2], qkv.shape[1] // 3
    scale = (q // heads) ** -0.5
    d_qkv = torch.empty_like(qkv)
    delta = torch.empty_like(found.lse)
    ways = d_ways = shares = qkv  # not read without relative positions
    if relative is not None:
        ways = found.ways
        d_ways = _shifted(_heads(d_out, heads, q), relative[2:], cut, images)
        shares = torch.empty_like(ways)
    choice = TILES["queries"]
    launch_kernel(
        global_attention_triton.backward_queries, (256 // choice["QUERIES"] * heads * images,),
        qkv, ways, d_ways, found.out, d_out, found.lse, delta, d_qkv, shares, *sizes, scale, **constants, **choice,
    )  # fmt: skip
    choice = TILES["keys"]
    launch_kernel(
        global_attention_triton.backward_keys, (256 // choice["KEYS"] * heads * images,),
        qkv, ways, d_ways, d_out, found.lse, delta, d_qkv, *sizes, scale, **constants, **choice,
    )  # fmt: skip
    if relative is None:
        return d_qkv, None
    shares = _back(shares, cut, relative.shape[1])
    if cut.token:  # the gradient of a row of scores sums to zero
        shares.view(heads, images, -1, 2 * ENTRIES)[:, :, 0] = 0.0
    _heads(d_qkv, heads, q).baddbmm_(shares, _tables(relative[:2], heads))
    keys = torch.bmm(shares.transpose(1, 2), _heads(qkv, heads, q)).sum(0, dtype=torch.float32)
    values = torch.bmm(found.shares.transpose(1, 2), _heads(d_out, heads, q)).sum(0, dtype=torch.float32)
    both = torch.stack([keys, values]).view(4, ENTRIES, -1)
    return d_qkv, both[:, : relative.shape[1]]


def _sizes(qkv: Tensor, heads: int, cut: Cut, relative: bool) -> tuple[tuple[int, ...], dict[str, int | bool]]:
    tokens = cut.grid[0] * cut.grid[1] + cut.token
    head = qkv.shape[1] // 3 // heads
    width = padded(head)
    unit = head if head == width else 4
    sizes = (tokens, heads, len(qkv) // tokens, head // unit, *cut.window)
    return sizes, {"UNIT": unit, "WIDTH": width, "TOKEN": cut.token, "RELATIVE": relative}


def _heads(x: Tensor, heads: int, q: int) -> Tensor:
    """The first q columns of x [tokens, q or more] by heads: [heads, tokens, head width], a view."""
    return x.narrow(1, 0, q).unflatten(1, (heads, -1)).transpose(0, 1)


def _tables(pair: Tensor, heads: int) -> Tensor:
    """Two tables below each other, padded: [heads, 2·ENTRIES, head width]."""
    return F.pad(pair, (0, 0, 0, ENTRIES - pair.shape[1])).flatten(0, 1).expand(heads, -1, -1)


def _shifted(x: Tensor, pair: Tensor, cut: Cut, images: int) -> Tensor:
    """The products of x [heads, tokens, head width] with the entries of two tables, as keys meet them: [heads,
    images, places, 32], for each place of a query first by the keys' rows, then by their columns."""
    products = torch.bmm(x, _tables(pair, len(x)).transpose(1, 2)).unflatten(1, (images, -1))
    token, entry = _meeting(cut.window, cut.token, pair.shape[1], x.device)
    return products[:, :, token, entry]


def _back(shares: Tensor, cut: Cut, entries: int) -> Tensor:
    """What belongs to the rows and columns of keys, by the tables' entries: [heads, tokens, 2·ENTRIES]."""
    place, column = _parting(cut.window, cut.token, entries, shares.device)
    return shares[:, :, place, column].flatten(1, 2)


@memoize
def _meeting(window: Grid, token: bool, entries: int, device: torch.device) -> Tensor:
    """For each place of a query, and each row and column of keys: the query's token, and the entry of its way
    there; [2, 256, 32]."""
    tall, broad = window
    p, e = torch.arange(256, device=device)[:, None], torch.arange(16, device=device)
    i, j = p // 16, p % 16
    inside = (i < tall) & (j < broad)
    down = torch.where(inside & (e < tall), e - i + entries // 2, 0)
    right = torch.where(inside & (e < broad), e - j + entries // 2, 0) + ENTRIES
    entry = torch.cat([down, right], 1)
    return torch.stack([torch.where(inside, i * broad + j + token, 0).expand_as(entry), entry])


@memoize
def _parting(window: Grid, token: bool, entries: int, device: torch.device) -> Tensor:
    """For each token of a query, and each entry: its place, and the row or column of keys to which the entry leads,
    or the one where no key is; [2, tokens, 2·ENTRIES]."""
    tall, broad = window
    n, t = torch.arange(tall * broad, device=device)[:, None], torch.arange(ENTRIES, device=device)
    i, j = n // broad, n % broad
    sides = []
    for first, at, side in ((0, i, tall), (16, j, broad)):
        to = t - entries // 2 + at
        to = torch.where((t > 0) & (to >= 0) & (to < side), to, 15)
        sides.append(first + torch.where(t == 0, side if token else 15, to))
    column = torch.cat(sides, 1)
    place = (i * 16 + j).expand_as(column)
    if token:
        column, place = F.pad(column, (0, 0, 1, 0), value=15), F.pad(place, (0, 0, 1, 0), value=16 * tall + broad)
    return torch.stack([place, column])
