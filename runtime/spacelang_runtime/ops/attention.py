"""Multi-head attention inside windows: from the q, k and v of each token to what it gathers.

The reference path: plain matrix products, whose multiply–accumulates are the ones that `spacelang.lower.cost`
counts. On CUDA the fused attention of torch computes the same where the positions allow it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor

from spacelang_runtime.ops import position_embedding
from spacelang_runtime.ops.kernels import operator, window_attention
from spacelang_runtime.ops.kernels.hardware import PRESENT
from spacelang_runtime.ops.windows import Cut, mask

LinearWeights = tuple[Tensor, Tensor]  # weight and bias

_plain = False


@contextmanager
def plain() -> Iterator[None]:
    """Inside, everything runs on the reference path, on a GPU too."""
    global _plain
    before, _plain = _plain, True
    try:
        yield
    finally:
        _plain = before


def fast() -> bool:
    """Whether paths other than the reference may be taken."""
    return not _plain


# Windows that one launch of torch's fused attention takes: what CUDA allows along a grid's third axis.
LAUNCH = 65_535


def attention(
    x: Tensor,
    cut: Cut,
    heads: int,
    qkv: LinearWeights,
    out: LinearWeights,
    table: Tensor | None,
    relative: Tensor | None,
    resize: bool,
) -> Tensor:
    """Attention of whole maps: [B, tokens, C], normed, to what joins the residual stream, [B, tokens, C].

    qkv, out: the weight and the bias of the projections. table: of the relative position bias, and resize, see
    `position_embedding.bias`. relative: see `position_embedding.relative`.
    """
    if _served(x, cut, qkv, heads, table, relative, resize):
        packed = F.linear(x, *qkv)
        return F.linear(operator.attend(packed, qkv[1].to(packed.dtype), table, heads, cut), *out)
    split = F.linear(cut.split(x), *qkv)
    mixed = attend(split, heads, additions(table, cut, resize, split), position_embedding.relative(relative, cut))
    return cut.join(F.linear(mixed, *out))


def _served(
    x: Tensor, cut: Cut, qkv: LinearWeights, heads: int, table: Tensor | None, relative: Tensor | None, resize: bool
) -> bool:
    """Whether the kernels of windows make this attention: in bf16 or fp16 on a GPU, and not in an exported
    graph."""
    low = torch.get_autocast_dtype("cuda") if torch.is_autocast_enabled("cuda") else x.dtype
    return (
        x.is_cuda
        and low in (torch.bfloat16, torch.float16)
        and PRESENT
        and fast()
        and relative is None
        and not (resize and table is not None)
        and not torch.compiler.is_exporting()
        and window_attention.serves(cut, qkv[0].shape[0] // (3 * heads))
    )


def additions(table: Tensor | None, cut: Cut, resize: bool, like: Tensor) -> Tensor | None:
    """What is added to the scaled scores: [1 or windows of a map, heads or 1, T, T], or None for nothing.

    The relative position bias of the table (see `position_embedding.bias`), and −inf between tokens that a shift
    brought into one window from two ends of the map. like: a tensor whose device the mask takes, and its type
    where there is no table.
    """
    added = None if table is None else position_embedding.bias(table, cut, resize).unsqueeze(0)
    if cut.shift == (0, 0):
        return added
    apart = mask(cut, like.device, like.dtype if table is None else table.dtype)
    return apart if added is None else added + apart


def attend(
    qkv: Tensor,
    heads: int,
    added: Tensor | None,
    relative: tuple[Tensor, Tensor] | None = None,
    fused: bool | None = None,
) -> Tensor:
    """What the tokens of each window gather: softmax(q·kᵀ/√d + added)·v for every head.

    qkv: [windows, T, 3·Q], the queries of all heads, then the keys, then the values; head i is d = Q/heads
    neighbouring channels of each. added: see `additions`. relative: embeddings for keys and for values, each
    [T, T, d] (see `position_embedding.pairwise`); q·(k + key embedding) and the weighted sum of v + value embedding
    take the places of q·k and of the sum of v. fused: whether torch's fused attention may be used; by default
    on CUDA. Gives [windows, T, Q].
    """
    windows, tokens, width = qkv.shape
    d = width // (3 * heads)
    split = qkv.view(windows, tokens, 3, heads, d).permute(2, 0, 3, 1, 4)
    if fused is None:
        fused = qkv.is_cuda and windows <= LAUNCH and fast()
    if fused and relative is None:
        q, k, v = split.unbind(0)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=_expanded(added, windows, q))
        return mixed.transpose(1, 2).reshape(windows, tokens, heads * d)
    q, k, v = split.reshape(3, windows * heads, tokens, d).unbind(0)
    scores = torch.bmm(q, k.transpose(1, 2))
    if relative is not None:
        # One product per query: all windows and heads share the embeddings of the ways that start there.
        scores = scores + torch.bmm(q.transpose(0, 1), relative[0].transpose(1, 2)).transpose(0, 1)
    if added is None:
        weights = (scores * d**-0.5).softmax(-1)
    else:
        scores = scores.reshape(-1, added.shape[0], heads, tokens, tokens)
        weights = torch.add(added, scores, alpha=d**-0.5).softmax(-1).view(-1, tokens, tokens)
    mixed = torch.bmm(weights, v)
    if relative is not None:
        mixed = mixed + torch.bmm(weights.transpose(0, 1), relative[1]).transpose(0, 1)
    return mixed.unflatten(0, (windows, heads)).transpose(1, 2).reshape(windows, tokens, heads * d)


def _expanded(added: Tensor | None, windows: int, q: Tensor) -> Tensor | None:
    """The additions as the fused attention takes them: [1 or windows, heads, T, T], in the queries' type."""
    if added is None:
        return None
    tokens = added.shape[-1]
    # The kernels read rows whose starts are multiples of 8 entries apart: padded here, before the copy for
    # every window, and not by torch after it.
    added = F.pad(added.to(q.dtype), (0, -tokens % 8))
    added = added.expand(-1, q.shape[1], -1, -1)
    if added.shape[0] > 1:
        added = added.expand(windows // added.shape[0], *added.shape).flatten(0, 1)
    return added[..., :tokens]
