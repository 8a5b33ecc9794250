"""A predictor: what networks that were never scored are to be expected to score, from those that were.

It is asked for every generation whether it may be believed: fitted to every second network, it predicts the others,
and the other way round. Only where it ranks them better than their MACs do, and than their params do, in whichever
direction these rank them better, is it believed.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from spacelang.lower.chain import Genotype, cost
from spacelang.lower.lowered import Lowered
from spacelang_runtime.search.genes import Genes, Points, Real, genes, joined, points
from spacelang_runtime.search.regression import Regression, fitted, one_thread

LEAST = 20  # networks that it takes to learn anything and to be asked about others
STRICT = (1.0, 1.0, 10.0, 10.0, 10.0)  # of `Genes.columns`: genes first, squares and products for what they leave


@frozen(eq=False)
class Observed:
    """Networks that were scored. columns [n, columns]: as `Genes` reads them. values: less is better. counts: how
    much each value counts, such as the images that it is a mean of. errors: the standard error of each value, NaN
    where nothing is known of it. costs [n, costs]: what the predictor has to beat."""

    networks: Points
    columns: Real
    values: Real
    counts: Real
    errors: Real
    costs: NDArray[np.int64]

    def then(self, more: Observed) -> Observed:
        """These, and more after them."""
        return Observed(
            joined([self.networks, more.networks]),
            np.concatenate([self.columns.T, more.columns.T], axis=1).T,
            np.concatenate([self.values, more.values]),
            np.concatenate([self.counts, more.counts]),
            np.concatenate([self.errors, more.errors]),
            np.concatenate([self.costs, more.costs]),
        )


@frozen(eq=False)
class Predictor:
    """What was learned. told: from what. tau: Kendall's, of networks that it had not seen; rival: the better one of
    the costs. expected: what each network that was scored is to be expected to score on everything."""

    genes: Genes
    told: Observed
    regression: Regression
    tau: float
    rival: float
    expected: Real

    @property
    def believed(self) -> bool:
        return self.tau > self.rival


def alike(lowered: Lowered, genotypes: Sequence[Genotype], values: Sequence[float]) -> tuple[Genes, Observed]:
    """Networks whose values count alike, and of which no error is known."""
    chain, read = lowered.chain, genes(lowered)
    spent = np.array([cost(chain, genotype) for genotype in genotypes], np.int64).reshape(-1, len(chain.measures))
    networks = points(chain, genotypes)
    told = Observed(
        networks=networks,
        columns=read.columns(networks),
        values=np.array(values, np.float64),
        counts=np.ones(len(values)),
        errors=np.full(len(values), np.nan),
        costs=spent[:, [chain.measures.index(name) for name in ("flops", "params")]],
    )
    return read, told


def learned(read: Genes, told: Observed) -> Predictor | None:
    """A predictor of what was told; None where that is too little."""
    if len(told.values) < LEAST:
        return None
    halves = slice(0, None, 2), slice(1, None, 2)

    def fit(some: slice) -> Regression:
        return fitted(told.columns[some], read.groups, STRICT, told.values[some], told.counts[some])

    # Each by one thread, all at once: none knows of another.
    with one_thread, ThreadPoolExecutor(3) as threads:
        regression, *parts = threads.map(fit, (slice(None), *halves))
        taus, rivals = [], []
        for part, others in zip(parts, reversed(halves), strict=True):
            unseen = told.values[others]
            taus.append(kendall(part.mean(told.columns[others]), unseen))
            rivals.append([abs(kendall(cost[others], unseen)) for cost in told.costs.T])
    expected = _shrunk(regression.mean(told.columns), told)
    return Predictor(read, told, regression, float(np.mean(taus)), float(np.mean(rivals, axis=0).max()), expected)


def _shrunk(predicted: Real, told: Observed) -> Real:
    """Between what is predicted of a network and what it scored, as far from either as it is uncertain.

    What a regression cannot say of a network has the variance that its scores have beyond their own errors. Where
    nothing is known of these, all of it is taken for error, and what is predicted stands.
    """
    known = np.isfinite(told.errors) & (told.errors > 0)
    if not known.all():
        return predicted
    own = told.errors**2
    apart = told.values - predicted
    weight = 1 / own**2
    beyond = max(float(weight @ (apart**2 - own) / weight.sum()), 0.0)
    return predicted + beyond / (beyond + own) * apart


def kendall(one: Sequence[float] | Real, other: Sequence[float] | Real) -> float:
    """Kendall's tau b; 0 where either is constant."""
    first, second = np.asarray(one), np.asarray(other)
    less, below = np.less.outer(first, first), np.less.outer(second, second)
    size = np.sqrt(float(np.count_nonzero(less)) * float(np.count_nonzero(below)))
    apart = np.count_nonzero(less & below) - np.count_nonzero(less & below.T)
    return float(apart / size) if size else 0.0
