"""Shifted-window attention on whole maps: from the q, k and v of every token to what it gathers, and back.

Tokens stand in the order of the map, before and after; how windows are cut is index arithmetic (`windows_triton`).
The plain reference is `attention.attend` on windows that were cut out.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from spacelang_runtime.kernels.places import padded, processors
from spacelang_runtime.windows import Cut

LONGEST = 16  # side of the largest window in tokens
WIDEST = 64  # channels of the widest head
SMALL = 8  # side of the largest window that one tile holds

# What the kernels of large windows work on at once (queries, or pairs of places), and with how many warps.
TILES = {
    "forward": {"queries": 64, "warps": 8, "waves": 1},
    "small forward": {"warps": 4, "waves": 6},
    "small": {"warps": 4, "waves": 4},
    "large": {"queries": 32, "warps": 8, "waves": 2},
    "bias": {"queries": 64, "places": 64, "warps": 4, "waves": 4},
}




def serves(cut: Cut, width: int) -> bool:
    """Whether the kernels know windows of this cut with heads of this width."""
    return max(cut.window) <= LONGEST and width <= WIDEST and width % 4 == 0 and not cut.token


def forward(qkv: Tensor, extra: Tensor, table: Tensor | None, heads: int, cut: Cut) -> tuple[Tensor, Tensor]:
    """What each token gathers, [tokens, Q], and the logarithm (to base 2) of the sum of each row of exponentials.

    qkv: [B·rows·columns, 3·Q]: queries of all heads, keys, values. extra: [3·Q], what a token of padding has in
    their places. table: [heads or more, 2·s − 1, 2·s − 1], the bias of relative positions (see `positions.bias`).
    """
    from spacelang_runtime.kernels import windows_triton

    plan = _Launch(qkv, table, heads, cut)
    out = qkv.new_empty(qkv.shape[0], plan.q)
    lse = torch.empty(plan.total * heads * cut.window[0] * cut.window[1], device=qkv.device)
    if plan.side <= SMALL:
        choice = TILES["small forward"]
        queries, tiles = plan.side**2, 1
    else:
        choice = TILES["forward"]
        queries = choice["queries"]
        tiles = -(-cut.window[0] * cut.window[1] // queries)
    groups = plan.groups(choice["waves"], heads * tiles)
    windows_triton.forward[(heads * tiles * groups,)](
        qkv, extra, plan.table, out, lse, *plan.sizes, heads, plan.channels, plan.span, groups, plan.scale,
        UNIT=plan.unit, SIDE=plan.side, QUERIES=queries, TILES=tiles, WIDTH=plan.width, TABLED=table is not None,
        PADDED=cut.padded != cut.grid, num_warps=choice["warps"],
    )  # fmt: skip
    return out, lse


def backward(
    qkv: Tensor, extra: Tensor, table: Tensor | None, heads: int, cut: Cut,
    out: Tensor, lse: Tensor, d_out: Tensor, d_table: Tensor | None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """The gradient of qkv, and parts [programs, 2, Q], float32, whose sums over the first axis are the gradients of
    the bias of q and of v (that of k is zero). What the table gets is added to d_table, shaped like it."""
    from spacelang_runtime.kernels import windows_triton

    plan = _Launch(qkv, table, heads, cut)
    d_qkv = torch.empty_like(qkv)
    tokens, places = cut.window[0] * cut.window[1], plan.side**2
    rest = {"UNIT": plan.unit, "SIDE": plan.side, "WIDTH": plan.width, "PADDED": cut.padded != cut.grid}
    if plan.side <= SMALL:
        choice = TILES["small"]
        groups = plan.groups(choice["waves"], heads)
        sums = torch.empty(groups, 2, plan.q, device=qkv.device)
        tile_sums = torch.empty(groups, heads, places, places, device=qkv.device) if table is not None else sums
        windows_triton.backward_small[(heads * groups,)](
            qkv, extra, plan.table, d_out, lse, d_qkv, tile_sums, sums,
            *plan.sizes, heads, plan.channels, plan.span, groups, plan.scale,
            TABLED=table is not None, num_warps=choice["warps"], **rest,
        )  # fmt: skip
    else:
        choice = TILES["large"]
        groups = plan.groups(choice["waves"], heads)
        sums = torch.empty(groups, 2, plan.q, device=qkv.device)
        delta = torch.empty_like(lse)
        bias = torch.empty(heads, places, places, device=qkv.device, dtype=torch.float16)
        windows_triton.expand[(places // 16, heads)](
            plan.table, bias, *cut.window, plan.span, SIDE=plan.side, BLOCK=16, TABLED=table is not None
        )
        windows_triton.backward_large[(heads * groups,)](
            qkv, extra, bias, out, d_out, lse, d_qkv, delta, sums,
            *plan.sizes, heads, plan.channels, groups, plan.scale,
            QUERIES=choice["queries"], num_warps=choice["warps"], **rest,
        )  # fmt: skip
        if table is not None:
            choice = TILES["bias"]
            tiles = -(-tokens // choice["queries"]) * (places // choice["places"])
            groups = plan.groups(choice["waves"], heads * tiles)
            tile_sums = torch.empty(groups, heads, places, places, device=qkv.device)
            windows_triton.backward_bias[(heads * tiles * groups,)](
                qkv, extra, plan.table, d_out, lse, delta, tile_sums,
                *plan.sizes, heads, plan.channels, plan.span, groups, plan.scale,
                QUERIES=choice["queries"], PLACES=choice["places"], TILES=tiles, num_warps=choice["warps"], **rest,
            )  # fmt: skip
    if table is not None:
        entries = (2 * cut.window[0] - 1) * (2 * cut.window[1] - 1)
        windows_triton.table[(entries, heads)](
            tile_sums, d_table, *cut.window, plan.span, heads, groups,
            SIDE=plan.side, PACKED=plan.side > SMALL, num_warps=1 if plan.side <= SMALL else 4,
        )  # fmt: skip
    return d_qkv, sums


class _Launch:
    """The sizes of a launch as the kernels take them."""

    def __init__(self, qkv: Tensor, table: Tensor | None, heads: int, cut: Cut) -> None:
        self.q = qkv.shape[1] // 3
        head = self.q // heads
        self.scale = head**-0.5
        self.width = padded(head)
        # A head that fills its tile is known to the compiler in full; others are multiples of 4.
        self.unit = head if head == self.width else 4
        self.channels = head // self.unit
        self.side = max(4, padded(max(cut.window)) if max(cut.window) > 8 else 1 << (max(cut.window) - 1).bit_length())
        (rows, columns), (high, wide), (tall, broad) = cut.grid, cut.padded, cut.window
        self.total = qkv.shape[0] // (rows * columns) * cut.number
        self.sizes = (rows, columns, high, wide, tall, broad, *cut.shift, wide // broad, cut.number, self.total)
        self.table = qkv if table is None else table
        self.span = 1 if table is None else (table.shape[1] + 1) // 2
        self._processors = processors(qkv.device)

    def groups(self, waves: int, programs: int) -> int:
        """How many programs share the windows of one head and tile, for so many waves of programs in all."""
        return max(1, min(self.total, -(-self._processors * waves // programs)))
