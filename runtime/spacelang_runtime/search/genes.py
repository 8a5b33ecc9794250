"""Networks as numbers: what the predictor reads of them.

A gene is a choice that the space leaves open: the depth and the width of a stage, and of each layer its heads, its
query width, its MLP ratio and its window. It is read by its rank among all its options, from -1 for the least to 1
for the greatest; a layer that is not there reads as 0. Five groups of columns follow, each with what it is for:

    stage     depth, width, and the means of each gene over the stage's layers
    layer     each gene of each layer
    bent      the squares of all these
    together  products of any two columns of stages
    within    products of two genes of one layer
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import comb

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from spacelang.language.dimensions import LAYER_DIMENSIONS
from spacelang.lower.chain import Chain, Genotype
from spacelang.lower.lowered import Lowered

Real = NDArray[np.float64]
Index = NDArray[np.int64]


@frozen(eq=False)
class Points:
    """Networks as indices. cells [n, stages]: of each stage; layers: for each stage, the option of each layer
    [n, greatest depth], -1 past the depth. What `spacelang.lower.draw` draws has the same arrays."""

    cells: Index
    layers: tuple[Index, ...]

    def __len__(self) -> int:
        return len(self.cells)

    def take(self, rows: Index) -> Points:
        """Some of them, in the order of `rows`."""
        return Points(self.cells[rows], tuple(block[rows] for block in self.layers))

    def genotype(self, row: int) -> Genotype:
        """One of them, as the chain knows it."""
        layers = tuple(tuple(option for option in block[row].tolist() if option >= 0) for block in self.layers)
        return Genotype(tuple(self.cells[row].tolist()), layers)


def points(chain: Chain, genotypes: Sequence[Genotype]) -> Points:
    """Genotypes of a chain as arrays."""
    blocks = []
    for stage, cells in enumerate(chain.stages):
        block = np.full((len(genotypes), max(cell.depth for cell in cells)), -1, np.int64)
        for row, genotype in zip(block, genotypes, strict=True):
            row[: len(genotype.layers[stage])] = genotype.layers[stage]
        blocks.append(block)
    cells_ = np.array([genotype.cells for genotype in genotypes], np.int64).reshape(-1, len(chain.stages))
    return Points(cells_, tuple(blocks))


def joined(several: Sequence[Points]) -> Points:
    """Several sets of networks, one after the other."""
    layers = zip(*(one.layers for one in several), strict=True)
    return Points(np.concatenate([one.cells for one in several]), tuple(map(np.concatenate, layers)))


@frozen(eq=False)
class Genes:
    """How the networks of a space are read. depths: the greatest of each stage. sizes: depth and width of each
    cell, ranked. tables: of each stage, the ranked genes of each option of each cell, with a row of zeros at the
    end for a layer that is not there."""

    depths: tuple[int, ...]
    sizes: tuple[Real, ...]
    tables: tuple[Real, ...]

    @property
    def groups(self) -> tuple[int, ...]:
        """How many columns each group has."""
        searched = [table.shape[2] for table in self.tables]
        stage = sum(sizes.shape[1] for sizes in self.sizes) + sum(searched)
        layer = sum(depth * own for depth, own in zip(self.depths, searched, strict=True))
        pairs = [comb(own, 2) * depth for depth, own in zip(self.depths, searched, strict=True)]
        return stage, layer, stage + layer, comb(stage, 2), sum(pairs)

    def columns(self, of: Points) -> Real:
        """The groups of columns, one after the other [networks, columns]."""
        groups = self.groups
        whole = np.empty((sum(groups), len(of)))
        first, each, bent, together, within = np.split(whole, np.cumsum(groups)[:-1])
        stage, layer, inner = 0, 0, 0
        for number, (sizes, table) in enumerate(zip(self.sizes, self.tables, strict=True)):
            cells, options = of.cells[:, number], of.layers[number].T
            own, searched = sizes.shape[1], table.shape[2]
            first[stage : stage + own] = sizes.T[:, cells]
            genes = np.moveaxis(table, 2, 0)[:, cells, options]  # [genes, depth, n]; option -1 is the row of zeros
            first[stage + own : stage + own + searched] = genes.sum(1) / np.maximum((options >= 0).sum(0), 1)
            stage += own + searched
            depth = len(options)
            each[layer : layer + depth * searched] = genes.swapaxes(0, 1).reshape(depth * searched, len(of))
            layer += depth * searched
            for a, b in combinations(range(searched), 2):
                np.multiply(genes[a], genes[b], out=within[inner : inner + depth])
                inner += depth
        np.square(whole[: stage + layer], out=bent)
        pair = 0
        for one in range(stage - 1):
            np.multiply(first[one], first[one + 1 :], out=together[pair : pair + stage - 1 - one])
            pair += stage - 1 - one
        return whole.T


def genes(lowered: Lowered) -> Genes:
    """How the networks of a space are read."""
    sizes, tables = [], []
    for cells in lowered.legal.stages:
        own = [_ranked([cell.depth for cell in cells]), _ranked([cell.embed for cell in cells])]
        sizes.append(_searched(own, len(cells)))
        most = max(len(cell.options) for cell in cells)
        where = [(c, o) for c, cell in enumerate(cells) for o in range(len(cell.options))]
        columns = [
            _ranked([_number(getattr(cells[c].options[o], name)) for c, o in where]) for name in LAYER_DIMENSIONS
        ]
        read = _searched(columns, len(where))
        table = np.zeros((len(cells), most + 1, read.shape[1]))
        for (c, o), row in zip(where, read, strict=True):
            table[c, o] = row
        tables.append(table)
    depths = tuple(max(cell.depth for cell in cells) for cells in lowered.legal.stages)
    return Genes(depths, tuple(sizes), tuple(tables))


def _searched(columns: Sequence[Real], rows: int) -> Real:
    """The columns that differ from one another and from a constant, side by side."""
    kept: list[Real] = []
    for column in columns:
        if np.ptp(column) > 0 and not any(np.array_equal(column, other) for other in kept):
            kept.append(column)
    return np.stack(kept, axis=1) if kept else np.zeros((rows, 0))


def _ranked(values: Sequence[float]) -> Real:
    """Each value by its rank among the different ones, from -1 to 1; zeros where all are equal."""
    ordered = sorted(set(values))
    last = max(len(ordered) - 1, 1)
    ranks = {value: 2 * rank / last - 1 for rank, value in enumerate(ordered)}
    return np.array([ranks[value] if len(ordered) > 1 else 0.0 for value in values])


def _number(value: object) -> float:
    return np.inf if value == "global" else float(value)  # type: ignore[arg-type]
