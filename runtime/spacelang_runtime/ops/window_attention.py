"""Shifted-window attention with a relative position bias (Liu et al., 2021), for networks of any making.

Forward and backward by kernels where they serve (`kernels.window_attention`): no window is copied, rolled or
padded, nothing of the size of a window squared is stored for a window, and the same input gives the same gradient
to the bit.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from spacelang_runtime.ops.attention import additions, attend, fast
from spacelang_runtime.ops.kernels import operator
from spacelang_runtime.ops.kernels import window_attention as kernel
from spacelang_runtime.ops.windows import Cut, Grid, cut_by

Sides = int | Grid


def window_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    bias: Tensor | None,
    window: Sides,
    shift: Sides = 0,
    padding: Tensor | None = None,
) -> Tensor:
    """What every token of some maps gathers from its window: softmax(q·kᵀ/√d + bias)·v, head by head.

    q, k, v: [maps, rows, columns, heads, d], in the order of the map. bias: [heads, 2·a − 1, 2·b − 1] for windows
    of a × b tokens; entry (a − 1 + y, b − 1 + x) is added to the score of a key that lies y rows below and x
    columns to the right of its query. None: no bias. window: a and b, in tokens, or one number for both. A window
    as long as the map's side, or longer, is that side, uses the centre of the bias and is not shifted along it.
    shift: by how many tokens windows are moved down and to the right, below a and b; the last ones then hold what
    is left at both ends of the map, and tokens of two ends do not attend to one another. padding: [3, heads, d],
    the q, k and v of the tokens below and to the right of a map that is not whole windows (in Swin the bias of
    the projection); None: zeros.

    Gives [maps, rows, columns, heads, d], with gradients for q, k, v, bias and padding. In bf16 and fp16 on a GPU,
    with windows of up to 16 × 16 tokens and heads of 4, 8, … 64 channels, by kernels, with sums in float32;
    elsewhere by the plain products of the reference. Raises ValueError for shapes that do not fit one another.

    Three views of one projection are best given as they lie, to `packed_window_attention`: here they are copied.
    """
    if not q.shape == k.shape == v.shape:
        shapes = ", ".join(str(list(part.shape)) for part in (q, k, v))
        raise ValueError(f"q, k and v have one shape, and these are {shapes}")
    return packed_window_attention(torch.stack((q, k, v), -3), bias, window, shift, padding)


def packed_window_attention(
    qkv: Tensor, bias: Tensor | None, window: Sides, shift: Sides = 0, padding: Tensor | None = None
) -> Tensor:
    """`window_attention` of q, k and v that lie side by side, [maps, rows, columns, 3, heads, d], as one linear
    projection of tokens leaves them; they are read where they are, and their gradient is written likewise."""
    if qkv.dim() != 6 or qkv.shape[3] != 3:
        raise ValueError(f"q, k and v are [maps, rows, columns, 3, heads, d], and these are {list(qkv.shape)}")
    maps, rows, columns, _, heads, width = qkv.shape
    high, wide = window if isinstance(window, tuple) else (window, window)
    down, right = shift if isinstance(shift, tuple) else (shift, shift)
    if not (0 <= down < high and 0 <= right < wide):
        raise ValueError(f"a shift lies between 0 and the window's side, and it is {shift} for windows of {window}")
    if bias is not None and bias.shape != (heads, 2 * high - 1, 2 * wide - 1):
        due = f"{[heads, 2 * high - 1, 2 * wide - 1]}, not {list(bias.shape)}"
        raise ValueError(f"the bias of {heads} heads in windows of {high} × {wide} is {due}")
    if padding is not None and padding.shape != (3, heads, width):
        raise ValueError(f"padding is [3, heads, d] = {[3, heads, width]}, not {list(padding.shape)}")
    place = cut_by((rows, columns), (high, wide), (down, right))
    tokens = qkv.reshape(maps, rows * columns, 3 * heads * width).contiguous()
    outside = tokens.new_zeros(3 * heads * width) if padding is None else padding.flatten().to(tokens.dtype)
    if fast() and not torch.compiler.is_exporting() and kernel.takes(tokens) and kernel.serves(place, width):
        table = None if bias is None else _square(bias).contiguous()
        out = operator.attend(tokens, outside.contiguous(), table, heads, place)
    else:
        out = reference(tokens, outside, bias, heads, place)
    return out.view(maps, rows, columns, heads, width)


def reference(qkv: Tensor, padding: Tensor, bias: Tensor | None, heads: int, cut: Cut) -> Tensor:
    """The same by plain products: [maps, tokens, 3·Q] → [maps, tokens, Q]. padding: [3·Q]."""
    # `split` pads with zeros.
    split = cut.split(qkv) if cut.padded == cut.grid else cut.split(qkv - padding) + padding
    table = None if bias is None else bias.to(split.dtype)
    return cut.join(attend(split, heads, additions(table, cut, False, split)))


def _square(bias: Tensor) -> Tensor:
    """A bias that knows as many rows as columns, which is how the kernels read one."""
    most = max(bias.shape[1:])
    below, beside = ((most - side) // 2 for side in bias.shape[1:])
    return F.pad(bias, (beside, beside, below, below)) if below or beside else bias
