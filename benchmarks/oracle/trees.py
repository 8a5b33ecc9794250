"""Oracles: what networks of AutoFormer's spaces score, without a GPU, learned from a published table of them.

Gradient-boosted trees are fitted to the table, on genes and on products of genes, so that what a gene is worth
depends on others: a linear predictor is not the truth by construction. The fitted function is the truth of a search
on it; what the search sees is that with noise. No figure of it is a figure of ImageNet.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from statistics import NormalDist

import numpy as np
from attrs import frozen
from scipy.stats import kendalltau
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import KFold
from sklearn.preprocessing import OneHotEncoder

from oracle.climb import best
from oracle.genes import Index, Points, Real, features, points
from oracle.published import Table, shipped, table
from spacelang.lower.bounds import windows
from spacelang.lower.chain import Genotype
from spacelang.lower.draw import draw, stream
from spacelang.lower.lowered import Lowered
from spacelang.recipe import Bound

BOUNDS = {"tiny": Bound("params", 6_000_000, 6_400_000), "small": Bound("params", 22_000_000, 24_000_000)}
NOISE = 0.2  # points: standard deviation of one network's score


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


def noise(digest: str, seed: int) -> float:
    """The noise of a network's score, in points: normal, always the same for one network and one seed."""
    word = int.from_bytes(sha256(f"{seed} {digest}".encode()).digest()[:8], "big") >> 12
    return NormalDist(0, NOISE).inv_cdf((word + 0.5) * 2.0**-52)


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


def additive(known: Oracle) -> tuple[float, float]:
    """How nearly the truth is a sum of what each gene is worth by itself, on random networks inside the bound: the
    share of its variance that the best such sum leaves over, and how it ranks them (Kendall's tau).

    The sum has a term for every value of the depth, the width, and the heads and MLP ratio of each layer; it is
    fitted by least squares to 15 000 networks and asked about 5 000 others.
    """
    drawn = draw(known.lowered.chain, 20_000, stream(1), bounds=windows((known.bound,), known.lowered.chain))
    rows = features(known.lowered, Points(drawn.cells[:, 0], drawn.layers[0]))
    genes = OneHotEncoder(drop="first").fit_transform(rows[:, : 2 + 2 * drawn.layers[0].shape[1]])
    truth = known.trees.predict(rows)
    learned, held = slice(0, 15_000), slice(15_000, None)
    told = LinearRegression().fit(genes[learned], truth[learned]).predict(genes[held])
    left = np.var(truth[held] - told) / np.var(truth[held])
    return float(left), float(kendalltau(told, truth[held]).statistic)
