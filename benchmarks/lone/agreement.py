"""How well one ranking of networks agrees with another, how far networks differ, and how sure both are.

**Kendall's τ** is τ_b: over all pairs of networks, (pairs in the same order - pairs in opposite orders) divided by
√(pairs untied in the one · pairs untied in the other).

**Intervals** are of a bootstrap over networks: the networks are drawn anew, as many, with replacement, 10 000 times
from one seed; the interval goes from the 2.5th to the 97.5th percentile. A draw is the vector w of how often each
network comes. With S and T the matrices of the signs of all differences, Σ wᵢ wⱼ Sᵢⱼ Tᵢⱼ counts the pairs of the
draw, so all draws are a product of matrices; two copies of one network are a tie in both, which τ_b leaves out.
What the interval holds is the doubt from having so few networks; what the seeds do is in the values themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

Real = NDArray[np.float64]
DRAWS = 10_000


@frozen
class Estimate:
    """A value with its 95 % interval, over so many networks."""

    value: float
    low: float
    high: float
    networks: int


Statistic = Callable[[Real], Real]  # of draws [B, n], how often each network comes in each: a value for each


def estimated(networks: int, statistic: Statistic) -> Estimate:
    """A statistic of the networks as they are, with its interval. Draws without a value (all pairs tied) are left
    out."""
    generator = np.random.default_rng(0)
    draws = generator.multinomial(networks, np.full(networks, 1 / networks), DRAWS).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        value = statistic(np.ones((1, networks)))[0]
        values = statistic(draws)
    values = values[np.isfinite(values)]
    low, high = np.percentile(values, [2.5, 97.5]) if len(values) else (np.nan, np.nan)
    return Estimate(float(value), float(low), float(high), networks)


def signs(values: Sequence[float]) -> Real:
    row = np.asarray(values, np.float64)
    return np.sign(row[:, None] - row[None, :])


def tau(first: Sequence[float], second: Sequence[float]) -> Statistic:
    """τ_b of two scores of the same networks."""
    one, other = signs(first), signs(second)

    def statistic(draws: Real) -> Real:
        def pairs(matrix: Real) -> Real:
            return ((draws @ matrix) * draws).sum(axis=1)

        return pairs(one * other) / np.sqrt(pairs(np.abs(one)) * pairs(np.abs(other)))

    return statistic


def difference(one: Statistic, other: Statistic) -> Statistic:
    return lambda draws: one(draws) - other(draws)


def between(seeds: Real) -> Statistic:
    """The mean τ_b over all pairs of seeds. seeds: [networks, seeds]."""
    pairs = [tau(seeds[:, i], seeds[:, j]) for i, j in combinations(range(seeds.shape[1]), 2)]
    return lambda draws: np.mean([pair(draws) for pair in pairs], axis=0)


def deviation(seeds: Real) -> Statistic:
    """The standard deviation over networks of what no seed changes; 0 where the seeds explain all. seeds: [n, s].

    Let network i with seed k score m + aᵢ + eᵢₖ, with independent a and e of variances A and E. The mean of its s
    seeds then has the variance A + E/s over networks, and the mean over networks of the variance within a network's
    seeds (divisor s - 1) expects E. So A is estimated by the variance of the means (divisor n - 1) less E/s: the
    random effects of a one-way analysis of variance. With one seed E is unknown, and nothing is taken off.
    """
    means, count = seeds.mean(axis=1), seeds.shape[1]
    within = seeds.var(axis=1, ddof=1) / count if count > 1 else np.zeros(len(seeds))

    def statistic(draws: Real) -> Real:
        many = draws.sum(axis=1)
        mean = draws @ means / many
        variance = (draws @ means**2 / many - mean**2) * many / (many - 1)
        return np.sqrt(np.maximum(0.0, variance - draws @ within / many))

    return statistic


def of_seeds(seeds: Real) -> float:
    """The standard deviation of a network's seeds, √E above."""
    return float(np.sqrt(seeds.var(axis=1, ddof=1).mean()))
