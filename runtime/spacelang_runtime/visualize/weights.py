"""The attention weights of a network's layers, and where in the image they lie."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from spacelang_runtime.nn.network import Attention, Network
from spacelang_runtime.ops import position_embedding
from spacelang_runtime.ops.attention import additions
from spacelang_runtime.ops.windows import Cut, Grid, cut

Place = tuple[int, int]  # a stage and a layer of it, counted from 0


def weights(attention: Attention, x: Tensor, grid: Grid) -> tuple[Tensor, Cut]:
    """What each token of each window gives each other one: [B·windows, heads, T, T], queries before keys, and how
    the map was cut. Every row sums to 1.

    x: what the layer's attention reads, [B, tokens, C]; grid: the map it lies on.
    """
    windows = cut(grid, attention.window, attention.shifted, attention.token)
    qkv = attention.qkv(windows.split(x))
    q, k, _ = qkv.unflatten(-1, (3, attention.heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)
    scores = q @ k.transpose(-1, -2)
    relative = position_embedding.relative(attention.relative, windows)
    if relative is not None:
        scores = scores + torch.einsum("bhqd,qkd->bhqk", q, relative[0])
    scores = scores * q.shape[-1] ** -0.5
    added = additions(attention.bias, windows, attention.window == "global", qkv)
    if added is not None:
        scores = (scores.unflatten(0, (-1, added.shape[0])) + added).flatten(0, 1)
    return scores.softmax(-1), windows


def watch(
    network: Network, images: Tensor, places: Iterable[Place], see: Callable[[Place, Tensor, Cut], None]
) -> None:
    """Run a network on images and show `see` the weights of some layers, one layer after the other.

    The network is used in float32 and evaluation mode; only one layer's weights are held at a time.
    """
    handles = []

    def listener(place: Place) -> Callable[[nn.Module, tuple[Tensor, Grid]], None]:
        def listen(module: nn.Module, given: tuple[Tensor, Grid]) -> None:
            assert isinstance(module, Attention)
            see(place, *weights(module, *given))

        return listen

    for stage, layer in places:
        attention = network.stages[stage].layers[layer].attention
        handles.append(attention.register_forward_pre_hook(listener((stage, layer))))
    try:
        with torch.no_grad():
            network.eval().float()(images.float())
    finally:
        for handle in handles:
            handle.remove()


def maps(network: Network, image: Tensor, place: Place, at: Grid) -> Tensor:
    """Where every head looks from one place of an image: [heads, rows, columns] of the layer's map.

    image: [1, channels, H, W], normalised. at: the row and the column of the query on the layer's map. Shifted
    windows are put back where they were cut from; what lies outside the query's window is 0. The weights of a
    head sum to 1, less what it gives a class token or the padding of a window that reaches beyond the map.
    """
    weights: list[Tensor] = []

    def see(_: Place, given: Tensor, windows: Cut) -> None:
        rows, columns = windows.grid
        tokens = torch.arange(1, rows * columns + 1, dtype=given.dtype, device=given.device)
        tokens = tokens if not windows.token else torch.cat([tokens.new_zeros(1), tokens])
        labels = windows.split(tokens.view(1, -1, 1)).squeeze(-1)
        ((window, query),) = (labels == at[0] * columns + at[1] + 1).nonzero().tolist()
        seen = given.new_zeros(labels.shape[0], labels.shape[1], given.shape[1])
        seen[window] = given[window, :, query].t()
        seen = windows.join(seen)[0, int(windows.token) :]
        weights.append(seen.t().unflatten(1, (rows, columns)))

    watch(network, image, [place], see)
    return weights[0]
