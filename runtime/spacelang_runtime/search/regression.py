"""Bayesian linear regression in groups of columns: a mean, a spread, and draws of what the weights may be.

    y = Φ w + e,   w_j ~ N(0, 1 / α_g) for j in group g,   e_i ~ N(0, 1 / (β n_i))

n_i is how much the i-th value counts, such as the images that it is a mean of. The precisions α and β are those
that make the values likeliest, found by MacKay's fixed point (1992, *Bayesian interpolation*): γ_g, the number of
directions of a group that the values settle, over the squared weights of the group.

One thread computes all of it, in a fixed order: on one machine, the same numbers in give the same numbers out,
however many threads numpy is given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import cache, cached_property
from threading import Lock

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

Real = NDArray[np.float64]

ROUNDS = 10  # of the fixed point
LEAF = 32  # rows of a triangle that is inverted as a whole
LEAST, MOST = 1e-3, 1e6  # precisions of weights, where values and columns have variance 1


@frozen(eq=False)
class LinearModel:
    """Linear functions of columns: slope [columns, functions], intercept [functions]."""

    slope: Real
    intercept: Real

    def __call__(self, columns: Real) -> Real:
        """The value of each function in each row [functions, rows]."""
        with one_thread:
            values: Real = self.slope.T @ columns.T
        return values + self.intercept[:, None]


@frozen(eq=False, slots=False)  # the root is found where it is asked for
class Regression:
    """What was learned. centre, scale: of the columns. middle, spread: of the values. weights: the most probable.
    rows: the columns learned from, centred and scaled, times the root of how much each counts. alpha, beta: the
    precisions, of each weight and of the values."""

    centre: Real
    scale: Real
    middle: float
    spread: float
    weights: Real
    rows: Real
    alpha: Real
    beta: float

    @cached_property
    def root(self) -> Real:
        """R, where R Rᵀ is the covariance of the weights."""
        with one_thread:
            return _root(_precision(self.rows.T @ self.rows, self.alpha, self.beta))

    def mean(self, columns: Real) -> Real:
        """The expected value of each row."""
        with one_thread:
            values: Real = self._linear(self.weights[:, None])(columns)[0]
        return values

    def drawn(self, normal: Real) -> LinearModel:
        """The values by weights drawn from all that are probable. normal [weights, draws]: independent standard
        normal numbers."""
        with one_thread:
            return self._linear(self.weights[:, None] + self.root @ normal)

    def _linear(self, weights: Real) -> LinearModel:
        slope = self.spread * self.scale[:, None] * weights
        return LinearModel(slope, self.middle - self.centre @ slope)


def fitted(columns: Real, sizes: Sequence[int], strict: Sequence[float], values: Real, counts: Real) -> Regression:
    """Learn from columns [n, columns], a value for each row, and how much it counts.

    sizes: of the groups of columns, which follow one another. strict: the precision of each group at first, as a
    multiple of what would give all groups equal parts of the variance: the fixed point has several ends, and groups
    that begin strict speak only where the others leave over.
    """
    with one_thread:
        share = counts / counts.sum()
        centre = share @ columns
        apart = columns - centre
        deviation = np.sqrt(share @ apart**2)
        alive = deviation > 1e-9
        scale = np.where(alive, 1 / np.where(alive, deviation, 1), 0.0)
        middle = float(share @ values)
        spread = float(np.sqrt(share @ (values - middle) ** 2)) or 1.0
        weight = np.sqrt(counts / counts.mean())
        rows, target = apart * scale * weight[:, None], (values - middle) / spread * weight
        group = np.repeat(np.arange(len(sizes)), sizes)
        wide = np.maximum(np.bincount(group, alive, len(sizes)), 1)
        alpha, beta = 4.0 * len(sizes) * wide * np.array(strict), 2.0
        evidence = (by_rows if 2 * len(rows) < len(group) else by_columns)(rows, target, sizes)
        for _ in range(ROUNDS):
            found = evidence(alpha, beta)
            settled = np.maximum(found.settled, 1e-6)
            before = alpha
            alpha = np.clip(settled / np.maximum(found.squares, 1e-12), LEAST, MOST)
            beta = max(len(values) - float(settled.sum()), 1.0) / max(found.left, 1e-9)
            if np.allclose(np.log(alpha), np.log(before), rtol=0, atol=0.05):
                break
        weights = evidence(alpha, beta).weights
    return Regression(centre, scale, middle, spread, weights, rows, alpha[group], beta)


@frozen(eq=False)
class Evidence:
    """What the values say under some precisions. weights: the most probable. settled: γ of each group; squares: of
    the weights of each. left: the squared errors, each times how much its value counts."""

    weights: Real
    settled: Real
    squares: Real
    left: float


EvidenceOf = Callable[[Real, float], Evidence]  # of α by group, and β


def by_columns(rows: Real, target: Real, sizes: Sequence[int]) -> EvidenceOf:
    """By the covariance of the weights, Σ = (β ΦᵀΦ + α)⁻¹: w = β Σ Φᵀ y, γ_g = Σ 1 − α_g Σ_jj over the group.

    The widest group is turned so that its products with itself are diagonal, which changes nothing where all its
    weights have one precision, and is eliminated: what is inverted is its Schur complement.
    """
    group, widest = np.repeat(np.arange(len(sizes)), sizes), int(np.argmax(sizes))
    mine = group == widest
    others, rest = group[~mine], rows[:, ~mine]
    own, turn = np.linalg.eigh(rows[:, mine].T @ rows[:, mine])
    turned = rows[:, mine] @ turn
    gram, between = rest.T @ rest, rest.T @ turned
    pull, pulled = rest.T @ target, turned.T @ target

    def evidence(alpha: Real, beta: float) -> Evidence:
        apart = 1 / (beta * own + alpha[widest])
        crossed = beta * between * apart
        root = _root(_precision(gram - crossed @ between.T, alpha[others], beta))
        first = beta * (root @ (root.T @ (pull - crossed @ pulled)))
        second = beta * apart * (pulled - between.T @ first)
        left = float(((target - rest @ first - turned @ second) ** 2).sum())
        settled = np.bincount(others, 1 - alpha[others] * (root**2).sum(1), len(sizes))
        settled[widest] = len(own) - alpha[widest] * (apart.sum() + ((root.T @ crossed) ** 2).sum())
        weights = np.empty(len(group))
        weights[~mine], weights[mine] = first, turn @ second
        return Evidence(weights, settled, np.bincount(group, weights**2, len(sizes)), left)

    return evidence


def by_rows(rows: Real, target: Real, sizes: Sequence[int]) -> EvidenceOf:
    """The same, sooner found where values are far fewer than weights. With K_g = Φ_g Φ_gᵀ and
    C = Σ K_g / α_g + 1 / β: w_g = Φ_gᵀ C⁻¹ y / α_g, γ_g = tr(C⁻¹ K_g) / α_g, and y − Φ w = C⁻¹ y / β."""
    groups = np.split(rows, np.cumsum(sizes)[:-1], axis=1)
    products = np.stack([one @ one.T for one in groups])
    flat = products.reshape(len(groups), -1)

    def evidence(alpha: Real, beta: float) -> Evidence:
        whole = (1 / alpha @ flat).reshape(len(rows), len(rows))
        np.einsum("ii->i", whole)[:] += 1 / beta
        root = _root(whole)
        inverse = root @ root.T
        solved = inverse @ target
        weights = np.concatenate([one.T @ solved / part for one, part in zip(groups, alpha, strict=True)])
        settled = flat @ inverse.reshape(-1) / alpha
        squares = (products @ solved) @ solved / alpha**2
        return Evidence(weights, settled, squares, float((solved**2).sum()) / beta**2)

    return evidence


def _precision(gram: Real, alpha: Real, beta: float) -> Real:
    """`beta * gram + diag(alpha)`."""
    precision = beta * gram
    np.einsum("ii->i", precision)[:] += alpha
    return precision


def _root(of: Real) -> Real:
    """R with R Rᵀ the inverse of a positive definite matrix: the inverse of its Cholesky factor, transposed."""
    return _inverse_factor(of).T


def _inverse_factor(of: Real) -> Real:
    """L⁻¹, where L Lᵀ is the matrix. By halves: where it is [[A, Bᵀ], [B, C]] and M is the inverse factor of A,
    D = B Mᵀ and N that of C − D Dᵀ, it is [[M, 0], [−N D M, N]]. Products do nearly all of the work."""
    if len(of) <= LEAF:
        return np.asarray(np.linalg.inv(np.linalg.cholesky(of)))
    half = len(of) // 2
    first = _inverse_factor(of[:half, :half])
    between = of[half:, :half] @ first.T
    second = _inverse_factor(of[half:, half:] - between @ between.T)
    whole = np.zeros_like(of)
    whole[:half, :half], whole[half:, half:] = first, second
    whole[half:, :half] = -(second @ (between @ first))
    return whole


class _OneThread:
    """Numpy computes by one thread as long as somebody is inside, in whichever thread: on so little, several only
    wait for one another."""

    def __init__(self) -> None:
        self._lock, self._inside, self._limited = Lock(), 0, ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._limited.enter_context(_libraries().limit(limits=1, user_api="blas"))
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._limited.close()


one_thread = _OneThread()


@cache
def _libraries() -> ThreadpoolController:
    """The libraries that compute for numpy."""
    return ThreadpoolController()
