"""Oracles: what networks of AutoFormer's spaces score, without a GPU, learned from a published table of them.

A table holds 1 001 networks with their top-1 accuracy on ImageNet by inherited weights (OoD-ViT-NAS, NeurIPS 2024).
Gradient-boosted trees are fitted to it, on genes and on products of genes, so that what a gene is worth depends on
others: a linear predictor is not the truth by construction. The fitted function is the truth of a search on it;
what the search sees is that with noise. No figure of it is a figure of ImageNet.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from fractions import Fraction
from hashlib import sha256
from itertools import combinations
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from scipy.stats import kendalltau
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import KFold

from spacelang.architecture import Architecture, Layer, Stage
from spacelang.check import compile_text
from spacelang.expression import exact
from spacelang.lower.bounds import windows
from spacelang.lower.chain import Genotype
from spacelang.lower.draw import draw, stream
from spacelang.lower.lowered import Lowered, lower
from spacelang.recipe import Bound
from spacelang.source import read

ROOT = Path(__file__).resolve().parents[1]
BOUNDS = {"tiny": Bound("params", 6_000_000, 6_400_000), "small": Bound("params", 22_000_000, 24_000_000)}
NOISE = 0.2  # points: standard deviation of one network's score
DRAWS = 200_000  # of the long search
STARTS = 5  # of each depth and width, from which it climbs

Real = NDArray[np.float64]
Index = NDArray[np.int64]


@frozen(eq=False)
class Table:
    """Published networks of a space. accuracy: top-1 in percent. params: in millions, as printed."""

    genotypes: tuple[Genotype, ...]
    accuracy: Real
    params: Real


@frozen(eq=False)
class Points:
    """Networks of a space of one stage as numbers. cells [n]: which depth and width. layers [n, greatest depth]:
    the option of each layer, -1 past the depth."""

    cells: Index
    layers: Index

    def __len__(self) -> int:
        return len(self.cells)


@frozen
class Fit:
    """How well trees fitted on four fifths of a table rank the last fifth: Kendall's tau, mean and standard error
    over the five fifths; over `networks` and over those `inside` the bound."""

    networks: int
    tau: tuple[float, float]
    inside: int
    tau_inside: tuple[float, float]


@frozen(eq=False)
class Oracle:
    """A function of the networks of a space. trees: fitted on all of the table. fit: how well trees rank networks
    that they have not seen. best: the highest truth inside the bound that the long search comes to."""

    lowered: Lowered
    bound: Bound
    trees: HistGradientBoostingRegressor
    fit: Fit
    best: float

    def truth(self, genotypes: Sequence[Genotype]) -> Real:
        """Top-1 in percent, by the trees."""
        if not genotypes:
            return np.zeros(0)
        return self.trees.predict(features(self.lowered, points(genotypes)))

    def scores(self, genotypes: Sequence[Genotype], digests: Sequence[str], seed: int) -> Real:
        """What a search of this seed sees of networks with these digests: the truth with noise on it."""
        return self.truth(genotypes) + [noise(digest, seed) for digest in digests]


def oracle(name: str, data: Path) -> Oracle:
    """The oracle of `tiny` or `small`. data: the folder that holds `vit-tables`."""
    lowered = shipped(f"autoformer_{name}")
    known, bound = table(data / "vit-tables" / f"{name}.json", lowered), BOUNDS[name]
    trees = fitted(lowered, known)
    return Oracle(lowered, bound, trees, judge(lowered, known, bound), best(lowered, bound, trees))


def shipped(name: str) -> Lowered:
    """A shipped space."""
    space = compile_text(read(ROOT / "spaces" / f"{name}.space")).space
    assert space is not None, f"{name}.space has errors"
    return lower(space)


def noise(digest: str, seed: int) -> float:
    """The noise of a network's score, in points: normal, always the same for one network and one seed."""
    word = int.from_bytes(sha256(f"{seed} {digest}".encode()).digest()[:8], "big") >> 12
    return NormalDist(0, NOISE).inv_cdf((word + 0.5) * 2.0**-52)


def table(path: Path, lowered: Lowered) -> Table:
    """A published table. Raises ValueError where one of its networks is not of the space."""
    rows = json.loads(path.read_text()).values()
    genotypes = tuple(lowered.genotype(architecture(row["net_setting"], lowered)) for row in rows)
    accuracy = np.array([row["performance"]["Imagenet"]["clean"] for row in rows])
    return Table(genotypes, accuracy, np.array([row["params"] for row in rows]))


def architecture(setting: dict[str, Any], lowered: Lowered) -> Architecture:
    """A network as the table writes it; queries, keys and values are 64 wide a head."""
    (width,) = set(setting["embed_dim"])
    layers = tuple(
        Layer(heads, 64 * heads, exact(Fraction(ratio)), "global")
        for heads, ratio in zip(setting["num_heads"], setting["mlp_ratio"], strict=True)
    )
    assert len(layers) == setting["layer_num"]
    return Architecture(lowered.space.frame, (Stage(width, layers),))


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


def fitted(lowered: Lowered, known: Table, of: Index | None = None) -> HistGradientBoostingRegressor:
    """The trees fitted to a table, or to those rows `of` it."""
    which = np.arange(len(known.genotypes)) if of is None else of
    trees = HistGradientBoostingRegressor(
        learning_rate=0.05,
        max_iter=400,
        max_leaf_nodes=8,
        min_samples_leaf=10,
        l2_regularization=1,
        early_stopping=False,
        random_state=0,
    )
    return trees.fit(features(lowered, points([known.genotypes[i] for i in which])), known.accuracy[which])


def judge(lowered: Lowered, known: Table, bound: Bound) -> Fit:
    """How trees rank each fifth of a table after the other four."""
    rows = features(lowered, points(known.genotypes))
    inside = (known.params * 1e6 >= (bound.low or 0)) & (known.params * 1e6 <= (bound.high or np.inf))
    whole, part = [], []
    for learned, held in KFold(5, shuffle=True, random_state=0).split(rows):
        told = fitted(lowered, known, learned).predict(rows[held])
        ours = inside[held]
        whole.append(kendalltau(told, known.accuracy[held]).statistic)
        part.append(kendalltau(told[ours], known.accuracy[held][ours]).statistic)
    return Fit(len(rows), averaged(whole), int(inside.sum()), averaged(part))


def averaged(values: Sequence[float] | Real) -> tuple[float, float]:
    """The mean and its standard error."""
    return float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(len(values)))


def best(
    lowered: Lowered,
    bound: Bound,
    trees: HistGradientBoostingRegressor,
    draws: int = DRAWS,
    starts: int = STARTS,
) -> float:
    """The highest truth inside the bound that a long search without noise comes to.

    Of so many draws, the best few of each depth and width climb: each goes to the best network that differs in at
    most two layers and is inside, until none is better.
    """
    drawn = draw(lowered.chain, draws, stream(0), bounds=windows((bound,)))
    networks = Points(drawn.cells[:, 0], drawn.layers[0])
    truth = trees.predict(features(lowered, networks))
    tops = []
    for cell in np.unique(networks.cells):
        mine = np.flatnonzero(networks.cells == cell)
        for start in mine[np.argsort(-truth[mine], kind="stable")[:starts]]:
            layers, top = networks.layers[start], truth[start]
            while True:
                around = neighbours(lowered, bound, int(cell), layers)
                told = trees.predict(features(lowered, around))
                if told.max() <= top:
                    break
                layers, top = around.layers[told.argmax()], told.max()
            tops.append(float(top))
    return max(tops)


def neighbours(lowered: Lowered, bound: Bound, cell: int, layers: Index) -> Points:
    """The networks inside the bound that differ from one in at most two layers, itself among them."""
    place = lowered.chain.stages[0][cell]
    at = lowered.chain.measures.index(bound.measure)
    price = np.array([option.cost[at] for option in place.options])
    options = np.arange(len(place.options))

    def changed() -> Iterator[Index]:
        for two in combinations(range(place.depth), 2):
            block = np.tile(layers, (len(options) ** 2, 1))
            block[:, two] = np.stack(np.meshgrid(options, options), -1).reshape(-1, 2)
            yield block

    around = np.vstack(list(changed()))
    spent = place.cost[at] + price[around[:, : place.depth]].sum(1)
    around = around[(spent >= (bound.low or 0)) & (spent <= (np.inf if bound.high is None else bound.high))]
    return Points(np.full(len(around), cell), around)
