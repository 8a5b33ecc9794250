"""How alike the heads of a layer are: the evidence for fewer query channels than the layer has width.

The similarity of two heads is the mean, over all queries of all images, of the cosine of their rows of attention
weights: 1 for heads that always look the same way.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from attrs import frozen
from torch import Tensor

from spacelang_runtime.nn.network import Network
from spacelang_runtime.ops.windows import Cut
from spacelang_runtime.visualize.weights import Place, watch


@frozen(eq=False)
class Similarity:
    """The heads of one layer, compared. matrix: [heads, heads]. mean: over all pairs of two different heads;
    None for a single head."""

    place: Place
    matrix: Tensor
    mean: float | None


def similarities(network: Network, batches: Iterable[Tensor]) -> tuple[Similarity, ...]:
    """The similarities of every layer of a network, over batches of normalised images [b, channels, H, W]."""
    places = [(stage, layer) for stage, part in enumerate(network.stages) for layer in range(len(part.layers))]
    sums: dict[Place, Tensor] = {}
    rows: dict[Place, int] = {}

    def see(place: Place, given: Tensor, _: Cut) -> None:
        # [queries, heads, T] of length 1; the mean over queries of all their products.
        lined = torch.nn.functional.normalize(given.transpose(1, 2).flatten(0, 1), dim=-1)
        total = torch.einsum("nhk,ngk->hg", lined, lined).double().cpu()
        sums[place] = sums.get(place, torch.zeros_like(total)) + total
        rows[place] = rows.get(place, 0) + len(lined)

    for images in batches:
        watch(network, images, places, see)
    return tuple(_compared(place, sums[place] / rows[place]) for place in places)


def _compared(place: Place, matrix: Tensor) -> Similarity:
    heads = len(matrix)
    apart = (matrix.sum() - matrix.trace()) / (heads * (heads - 1)) if heads > 1 else None
    return Similarity(place, matrix.float(), None if apart is None else float(apart))
