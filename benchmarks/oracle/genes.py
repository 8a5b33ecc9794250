"""Networks of a space of one stage as numbers, and what a regression reads of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from spacelang.lower.chain import Genotype
from spacelang.lower.lowered import Lowered

Real = NDArray[np.float64]
Index = NDArray[np.int64]


@frozen(eq=False)
class Points:
    """Networks of a space of one stage as numbers. cells [n]: which depth and width. layers [n, greatest depth]:
    the option of each layer, -1 past the depth."""

    cells: Index
    layers: Index

    def __len__(self) -> int:
        return len(self.cells)


def points(genotypes: Sequence[Genotype]) -> Points:
    """Genotypes of one stage as arrays."""
    deepest = max(len(genotype.layers[0]) for genotype in genotypes)
    layers = np.full((len(genotypes), deepest), -1)
    for row, genotype in zip(layers, genotypes, strict=True):
        row[: len(genotype.layers[0])] = genotype.layers[0]
    return Points(np.array([genotype.cells[0] for genotype in genotypes]), layers)


def features(lowered: Lowered, of: Points) -> Real:
    """What the trees read of networks [n, 2 + 5 · greatest depth]: depth, width; then of each layer heads, MLP
    ratio, and the products width · heads, width · ratio and heads · ratio. Layers that are not there have zeros."""
    (cells,) = lowered.legal.stages
    deepest = max(cell.depth for cell in cells)
    layers = np.full((len(of), deepest), -1)
    layers[:, : of.layers.shape[1]] = of.layers
    genes = [[(layer.heads, float(layer.mlp)) for layer in cell.options] for cell in cells]
    read_ = np.array([[*cell, (0.0, 0.0)] for cell in genes])  # option -1 is the appended one
    heads, ratios = np.moveaxis(read_[of.cells[:, None], layers], 2, 0)
    depth = np.array([float(cell.depth) for cell in cells])[of.cells, None]
    width = np.array([float(cell.embed) for cell in cells])[of.cells, None]
    return np.hstack([depth, width, heads, ratios, width * heads, width * ratios, heads * ratios])
