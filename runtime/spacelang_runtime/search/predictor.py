"""A predictor: what networks that were never scored are to be expected to score, from those that were.

It is asked for every generation whether it may be believed: fitted to every second network, it predicts the others,
and the other way round. Only where it ranks them better than their MACs do, and than their params do, in whichever
direction these rank them better, is it believed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from spacelang.lower.chain import Genotype, cost
from spacelang.lower.lowered import Lowered
from spacelang_runtime.search.genes import Genes, Points, Real, genes, points
from spacelang_runtime.search.regression import Regression, fitted

LEAST = 20  # networks that it takes to learn anything and to be asked about others
STRICT = (1.0, 1.0, 10.0, 10.0, 10.0)  # of `Genes.columns`: genes first, squares and products for what they leave


@frozen(eq=False)
class Observed:
    """Networks that were scored. values: less is better. counts: how much each value counts, such as the images
    that it is a mean of. errors: the standard error of each value, NaN where nothing is known of it. costs [n,
    costs]: what the predictor has to beat."""

    networks: Points
    values: Real
    counts: Real
    errors: Real
    costs: NDArray[np.int64]


@frozen(eq=False)
class Predictor:
    """What was learned. tau: Kendall's, of networks that it had not seen; rival: the better one of the costs.
    expected: what each network that was scored is to be expected to score on everything."""

    genes: Genes
    regression: Regression
    tau: float
    rival: float
    expected: Real

    @property
    def believed(self) -> bool:
        return self.tau > self.rival

    def columns(self, of: Points) -> Real:
        return np.hstack(self.genes.columns(of))


def alike(lowered: Lowered, genotypes: Sequence[Genotype], values: Sequence[float]) -> tuple[Genes, Observed]:
    """Networks whose values count alike, and of which no error is known."""
    chain = lowered.chain
    spent = np.array([cost(chain, genotype) for genotype in genotypes], np.int64).reshape(-1, len(chain.measures))
    told = Observed(
        networks=points(chain, genotypes),
        values=np.array(values, np.float64),
        counts=np.ones(len(values)),
        errors=np.full(len(values), np.nan),
        costs=spent[:, [chain.measures.index(name) for name in ("flops", "params")]],
    )
    return genes(lowered), told


def learned(read: Genes, told: Observed) -> Predictor | None:
    """A predictor of what was told; None where that is too little."""
    if len(told.values) < LEAST:
        return None
    groups = read.columns(told.networks)
    columns = np.hstack(groups)
    halves = np.arange(len(told.values)) % 2
    taus, rivals = [], []
    for half in (0, 1):
        mine, others = np.flatnonzero(halves == half), np.flatnonzero(halves != half)
        part = fitted([group[mine] for group in groups], STRICT, told.values[mine], told.counts[mine])
        taus.append(kendall(part.mean(columns[others]), told.values[others]))
        rivals.append([abs(kendall(cost[others], told.values[others])) for cost in told.costs.T])
    regression = fitted(groups, STRICT, told.values, told.counts)
    expected = _shrunk(regression.mean(columns), told)
    return Predictor(read, regression, float(np.mean(taus)), float(np.mean(rivals, axis=0).max()), expected)


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
    first, second = (np.sign(np.subtract.outer(np.asarray(values), np.asarray(values))) for values in (one, other))
    size = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return float((first * second).sum()) / size if size else 0.0
