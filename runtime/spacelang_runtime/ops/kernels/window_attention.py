"""Shifted-window attention on whole maps: from the q, k and v of every token to what it gathers, and back.

Tokens stand in the order of the map, before and after; how windows are cut is index arithmetic
(`window_attention_triton`).
The plain reference is `attention.attend` on windows that were cut out.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from spacelang_runtime.ops.kernels.hardware import INTERPRETED, launches, padded, processors
from spacelang_runtime.ops.kernels.launch import launch_kernel
from spacelang_runtime.ops.memoize import memoize
from spacelang_runtime.ops.windows import Cut

LONGEST = 16  # side of the largest window in tokens
WIDEST = 64  # channels of the widest head
SMALL = 8  # side of the largest window that one tile holds

# What the kernels of large windows work on at once (queries, or pairs of places), and with how many warps.
TILES = {
    "small forward": {"warps": 4, "stages": 3, "waves": 16},
    "small": {"warps": 4, "stages": 3, "waves": 2},
    "forward": {"queries": 64, "warps": 4, "stages": 1, "waves": 16},
    "large": {"warps": 4, "stages": 2, "waves": 8},
    "bias": {"queries": 64, "keys": 64, "warps": 4, "stages": 3, "waves": 8},
}


def serves(cut: Cut, width: int) -> bool:
    """Whether the kernels know windows of this cut with heads of this width."""
    return max(cut.window) <= LONGEST and width <= WIDEST and width % 4 == 0 and not cut.token


def takes(x: Tensor) -> bool:
    """Whether the kernels run on the device of a tensor in its type; those of a GPU multiply in half precision."""
    return launches(x) and (INTERPRETED or x.dtype in (torch.bfloat16, torch.float16))


def forward(qkv: Tensor, extra: Tensor, table: Tensor | None, heads: int, cut: Cut) -> tuple[Tensor, Tensor]:
    """What each token gathers, [tokens, Q], and the logarithm (to base 2) of the sum of each row of exponentials.

    qkv: [B·rows·columns, 3·Q]: queries of all heads, keys, values. extra: [3·Q], what a token of padding has in
    their places. table: [heads or more, 2·s − 1, 2·s − 1], the bias of relative positions (see
    `position_embedding.bias`).
    """
    from spacelang_runtime.ops.kernels import window_attention_triton

    launch = _Launch(qkv, table, heads, cut)
    out = qkv.new_empty(qkv.shape[0], launch.q)
    lse = torch.empty(launch.images * cut.number * heads * launch.side**2, device=qkv.device)
    if launch.side <= SMALL:
        choice = TILES["small forward"]
        splits, groups = launch.groups(choice["waves"], heads)
        launch_kernel(window_attention_triton.forward_small, (heads * groups,),
            qkv, extra, launch.table, launch.places, out, lse, *launch.sizes, launch.span, splits, launch.scale,
            TABLED=table is not None, num_warps=choice["warps"], num_stages=choice["stages"], **launch.constants,
        )  # fmt: skip
    else:
        choice = TILES["forward"]
        splits, groups = launch.groups(choice["waves"], heads)
        launch_kernel(window_attention_triton.forward_large, (heads * groups,),
            qkv, extra, launch.expanded(back=False), launch.places, out, lse, *launch.sizes, splits, launch.scale,
            QUERIES=choice["queries"], num_warps=choice["warps"], num_stages=choice["stages"], **launch.constants,
        )  # fmt: skip
    return out, lse


def backward(
    qkv: Tensor, extra: Tensor, table: Tensor | None, heads: int, cut: Cut,
    out: Tensor, lse: Tensor, d_out: Tensor, d_table: Tensor | None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """The gradient of qkv, and parts [programs, 2, Q], float32, whose sums over the first axis are the gradients of
    the bias of q and of v (that of k is zero). What the table gets is added to d_table, shaped like it."""
    from spacelang_runtime.ops.kernels import window_attention_triton

    launch = _Launch(qkv, table, heads, cut)
    d_qkv = torch.empty_like(qkv)
    slots = launch.side**2
    if launch.side <= SMALL:
        choice = TILES["small"]
        splits, groups = launch.groups(choice["waves"], heads)
        sums = torch.empty(groups, 2, launch.q, device=qkv.device)
        d_bias = torch.empty(groups, heads, slots, slots, device=qkv.device) if table is not None else sums
        launch_kernel(window_attention_triton.backward_small, (heads * groups,),
            qkv, extra, launch.table, launch.places, d_out, lse, d_qkv, d_bias, sums,
            *launch.sizes, launch.span, splits, launch.scale,
            TABLED=table is not None, num_warps=choice["warps"], num_stages=choice["stages"], **launch.constants,
        )  # fmt: skip
    else:
        choice = TILES["large"]
        splits, groups = launch.groups(choice["waves"], heads)
        sums = torch.empty(groups, 2, launch.q, device=qkv.device)
        rows = qkv.new_empty(*lse.shape, 16)
        launch_kernel(window_attention_triton.rows, (heads * groups,),
            launch.places, out, d_out, lse, rows, sums, *launch.sizes, splits, launch.scale,
            **{name: launch.constants[name] for name in ("UNIT", "SIDE", "WIDTH", "PADDED")},
            QUERIES=64, num_warps=4,
        )  # fmt: skip
        launch_kernel(window_attention_triton.backward_large, (heads * groups,),
            qkv, extra, launch.expanded(back=True), launch.places, d_out, rows, d_qkv, sums,
            *launch.sizes, splits, launch.scale,
            num_warps=choice["warps"], STAGES=choice["stages"], **launch.constants,
        )  # fmt: skip
        if table is not None:
            choice = TILES["bias"]
            programs = heads * launch.tiles(choice["queries"]) * launch.tiles(choice["keys"])
            splits, groups = launch.groups(choice["waves"], programs)
            d_bias = torch.empty(groups, heads, slots, slots, device=qkv.device)
            launch_kernel(window_attention_triton.backward_bias, (programs * groups,),
                qkv, extra, launch.table, launch.places, d_out, rows, d_bias,
                *launch.sizes, launch.span, splits, launch.scale,
                QUERIES=choice["queries"], KEYS=choice["keys"],
                num_warps=choice["warps"], num_stages=choice["stages"], **launch.constants,
            )  # fmt: skip
    if table is not None:
        entries = (2 * cut.window[0] - 1) * (2 * cut.window[1] - 1)
        launch_kernel(window_attention_triton.table, (entries, heads),
            d_bias, d_table, *cut.window, launch.span, heads, groups,
            SIDE=launch.side, LINES=max(1, 1024 // slots), num_warps=1,
        )  # fmt: skip
    return d_qkv, sums


class _Launch:
    """The sizes of a launch as the kernels take them."""

    def __init__(self, qkv: Tensor, table: Tensor | None, heads: int, cut: Cut) -> None:
        self.q = qkv.shape[1] // 3
        head = self.q // heads
        width = padded(head)
        # A head that fills its tile is known to the compiler in full; others are multiples of 4.
        unit = head if head == width else 4
        self.side = side_of(cut)
        tokens = cut.grid[0] * cut.grid[1]
        self.images = qkv.shape[0] // tokens
        self.sizes = (tokens, cut.number, self.images, heads, head // unit, *cut.window)
        self.scale, self.shift = head**-0.5, cut.shift
        self.constants = {
            "UNIT": unit, "SIDE": self.side, "WIDTH": width, "PADDED": cut.padded != cut.grid,
            "SHIFTED": cut.shift != (0, 0),
        }  # fmt: skip
        self.tabled = table is not None
        self.table = qkv if table is None else table
        self.span = 1 if table is None else (table.shape[1] + 1) // 2
        self.places = places(cut, qkv.device)
        self._tall = cut.window[0] * self.side
        self._processors = processors(qkv.device)

    def expanded(self, back: bool) -> Tensor:
        """The bias between any two places of a window, in half precision; keys before queries if `back`."""
        from spacelang_runtime.ops.kernels import window_attention_triton

        heads, (tall, broad), slots = self.sizes[3], self.sizes[5:], self.side**2
        kinds = 4 if self.constants["SHIFTED"] else 1
        bias = torch.empty(kinds, heads, slots, slots, device=self.places.device, dtype=torch.float16)
        launch_kernel(window_attention_triton.expand, (slots // 16, heads, kinds),
            self.table, bias, heads, tall, broad, *self.shift, self.span,
            SIDE=self.side, BLOCK=16, TABLED=self.tabled, BACK=back, num_warps=4,
        )  # fmt: skip
        return bias

    def tiles(self, size: int) -> int:
        """How many tiles of so many places hold a window's rows."""
        return -(-self._tall // size)

    def groups(self, waves: int, programs: int) -> tuple[int, int]:
        """Among how many programs the maps are split, for about so many waves of programs in all; and with them
        the number of programs of one head and tile. A program keeps to one window of its maps."""
        number = self.sizes[1]
        splits = max(1, min(self.images, self._processors * waves // (programs * number)))
        return splits, splits * number


def side_of(cut: Cut) -> int:
    """Places along a side of a window, as kernels lay it out."""
    return max(4, 1 << (max(cut.window) - 1).bit_length())


@memoize
def places(cut: Cut, device: torch.device) -> Tensor:
    """Where the places of each window of a map are: [windows, side²], int32, see `window_attention_triton`."""
    (rows, columns), (high, wide), side = cut.grid, cut.padded, side_of(cut)
    (tall, broad), (down, right) = cut.window, cut.shift
    y = torch.arange(high, device=device) + down
    x = torch.arange(wide, device=device) + right
    below, beside = y >= high, x >= wide
    y, x = y % high, x % wide
    there = (y < rows)[:, None] & (x < columns)
    token = torch.where(there, y[:, None] * columns + x, 0)
    code = 8 * token + 4 * there + 2 * below[:, None] + beside
    windows = code.view(high // tall, tall, wide // broad, broad).transpose(1, 2).reshape(-1, tall, broad)
    return F.pad(windows, (0, side - broad, 0, side - tall)).flatten(1).to(torch.int32).contiguous()
