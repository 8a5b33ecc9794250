"""Bayesian linear regression in groups of columns: a mean, a spread, and draws of what the weights may be.

    y = Φ w + e,   w_j ~ N(0, 1 / α_g) for j in group g,   e_i ~ N(0, 1 / (β n_i))

n_i is how much the i-th value counts, such as the images that it is a mean of. The precisions α and β are those
that make the values likeliest, found by MacKay's fixed point (1992, *Bayesian interpolation*): γ_g, the number of
directions of a group that the values settle, over the squared weights of the group. Everything is numpy in a fixed
order: on one machine, the same numbers in give the same numbers out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

Real = NDArray[np.float64]

ROUNDS = 10  # of the fixed point
LEAF = 32  # rows of a triangle that is inverted as a whole
LEAST, MOST = 1e-3, 1e6  # precisions of weights, where values and columns have variance 1


@frozen(eq=False)
class Regression:
    """What was learned. centre, scale: of the columns. middle, spread: of the values. weights: the most probable.
    root: R, where R Rᵀ is their covariance."""

    centre: Real
    scale: Real
    middle: float
    spread: float
    weights: Real
    root: Real

    def mean(self, columns: Real) -> Real:
        """The expected value of each row."""
        return self.middle + self.spread * (self._scaled(columns) @ self.weights)

    def drawn(self, columns: Real, normal: Real) -> Real:
        """The rows' values by weights drawn from all that are probable [rows, draws]. normal [weights, draws]:
        independent standard normal numbers."""
        weights = self.weights[:, None] + self.root @ normal
        return self.middle + self.spread * (self._scaled(columns) @ weights)

    def _scaled(self, columns: Real) -> Real:
        return (columns - self.centre) * self.scale


def fitted(groups: Sequence[Real], strict: Sequence[float], values: Real, counts: Real) -> Regression:
    """Learn from the groups' columns [n, columns], a value for each row, and how much it counts.

    strict: the precision of each group at first, as a multiple of what would give all groups equal parts of the
    variance: the fixed point has several ends, and groups that begin strict speak only where the others leave over.
    """
    columns = np.hstack(groups)
    share = counts / counts.sum()
    centre = share @ columns
    deviation = np.sqrt(share @ (columns - centre) ** 2)
    alive = deviation > 1e-9
    scale = np.where(alive, 1 / np.where(alive, deviation, 1), 0.0)
    middle = float(share @ values)
    spread = float(np.sqrt(share @ (values - middle) ** 2)) or 1.0
    weight = counts / counts.mean()
    rows = (columns - centre) * scale
    target = (values - middle) / spread
    gram = rows.T @ (rows * weight[:, None])
    pull = rows.T @ (target * weight)
    group = np.repeat(np.arange(len(groups)), [one.shape[1] for one in groups])
    wide = np.maximum(np.bincount(group, alive, len(groups)), 1)
    alpha, beta = 4.0 * len(groups) * wide * np.array(strict), 2.0
    for _ in range(ROUNDS):
        root = _root(beta * gram, alpha[group])
        weights = beta * (root @ (root.T @ pull))
        variance = (root**2).sum(1)
        settled = np.maximum(np.bincount(group, 1 - alpha[group] * variance, len(groups)), 1e-6)
        left = float(weight @ (target - rows @ weights) ** 2)
        before = alpha
        alpha = np.clip(settled / np.maximum(np.bincount(group, weights**2, len(groups)), 1e-12), LEAST, MOST)
        beta = max(len(values) - float(settled.sum()), 1.0) / max(left, 1e-9)
        if np.allclose(np.log(alpha), np.log(before), rtol=0, atol=0.05):
            break
    root = _root(beta * gram, alpha[group])
    return Regression(centre, scale, middle, spread, beta * (root @ (root.T @ pull)), root)


def _root(gram: Real, ridge: Real) -> Real:
    """R with R Rᵀ the inverse of `gram + diag(ridge)`."""
    return _inverse(np.linalg.cholesky(gram + np.diag(ridge))).T


def _inverse(lower: Real) -> Real:
    """The inverse of a lower triangle, by halves: [[A, 0], [B, C]]⁻¹ = [[A⁻¹, 0], [−C⁻¹ B A⁻¹, C⁻¹]]. Products do
    nearly all of the work, a fifth of what numpy's `inv` takes, which knows no triangles."""
    if len(lower) <= LEAF:
        return np.linalg.inv(lower)
    half = len(lower) // 2
    first, second = _inverse(lower[:half, :half]), _inverse(lower[half:, half:])
    whole = np.zeros_like(lower)
    whole[:half, :half], whole[half:, half:] = first, second
    whole[half:, :half] = -(second @ lower[half:, :half] @ first)
    return whole
