"""A predictor learns what genes are worth, says when it does not, and proposes only what is inside."""

import numpy as np
import pytest
from attrs import astuple
from searching import digits
from threadpoolctl import threadpool_info, threadpool_limits

from spacelang.lower.bounds import windows
from spacelang.lower.chain import Genotype, cost, inside
from spacelang.lower.draw import draw, stream
from spacelang.recipe import Bound
from spacelang_runtime.search.genes import genes, joined, points
from spacelang_runtime.search.predictor import LEAST, alike, kendall, learned
from spacelang_runtime.search.proposals import leading, proposed
from spacelang_runtime.search.regression import by_columns, by_rows, fitted

BOUND = Bound("flops", 20_000, 60_000)


def drawn(count: int, seed: int = 0) -> list[Genotype]:
    lowered = digits()
    return list(dict.fromkeys(draw(lowered.chain, count, stream(seed), bounds=windows((BOUND,), lowered.chain))))


def worth(genotype: Genotype) -> float:
    """Less is better: wide MLPs in the first stage, few heads in the second, and the two together."""
    first, second = digits().architecture(genotype).stages
    ratio = np.mean([float(layer.mlp) for layer in first.layers])
    heads = np.mean([layer.heads for layer in second.layers])
    return -float(ratio) + 0.3 * float(heads) + 0.2 * float(ratio * heads)


def test_networks_come_back_from_their_arrays() -> None:
    several = drawn(50)
    arrays = points(digits().chain, several)
    assert [arrays.genotype(row) for row in range(len(several))] == several
    twice = joined([arrays, arrays.take(np.array([3]))])
    assert twice.genotype(len(several)) == several[3]


def test_columns_are_the_genes_and_nothing_that_does_not_vary() -> None:
    lowered = digits()
    several = points(lowered.chain, drawn(400))
    read = genes(lowered)
    columns = read.columns(several)
    stage, layer, bent, together, within = np.split(columns, np.cumsum(read.groups)[:-1], axis=1)
    assert bent.shape[1] == stage.shape[1] + layer.shape[1]
    assert together.shape[1] == stage.shape[1] * (stage.shape[1] - 1) // 2
    assert (np.ptp(stage, axis=0) > 0).all()
    assert np.abs(np.hstack([stage, layer, within])).max() <= 1
    assert read.columns(several.take(np.arange(0))).shape == (0, columns.shape[1])
    widths = np.array([lowered.architecture(several.genotype(i)).stages[0].embed for i in range(len(several))])
    assert kendall(stage[:, 1], widths) == pytest.approx(1)


def test_the_mean_is_that_of_ridge_regression_and_draws_spread_as_their_covariance() -> None:
    """Against the closed form, for the precisions that it found."""
    source = np.random.default_rng(0)
    rows = source.normal(size=(80, 6))
    values = rows @ np.array([1.0, -2, 0, 0, 0.5, 0]) + source.normal(size=80) * 0.3
    found = fitted(rows, (3, 3), (1.0, 1.0), values, np.ones(80))
    assert found.mean(rows) == pytest.approx(values, abs=1.2)
    scaled = (rows - rows.mean(0)) / rows.std(0)
    precision = np.linalg.inv(found.root @ found.root.T)
    beta = np.median((precision - np.diag(np.diag(precision)))[0, 1:] / (scaled.T @ scaled)[0, 1:])
    target = (values - values.mean()) / values.std()
    assert found.weights == pytest.approx(np.linalg.solve(precision, beta * scaled.T @ target))
    many = found.drawn(source.standard_normal((6, 20_000)))(rows[:3])
    assert many.mean(0) == pytest.approx(found.mean(rows[:3]), abs=0.01)


def test_the_spread_of_many_columns_is_the_inverse_of_their_precision() -> None:
    random = np.random.default_rng(4)
    rows = random.normal(size=(50, 77))
    found = fitted(rows, (40, 37), (1.0, 1.0), rows @ random.normal(size=77), np.ones(50))
    precision = np.linalg.inv(found.root @ found.root.T)
    scaled = (rows - found.centre) * found.scale
    beyond = precision - precision[0, 1] / (scaled.T @ scaled)[0, 1] * (scaled.T @ scaled)
    assert np.allclose(beyond, np.diag(np.diag(beyond)), atol=1e-6 * np.abs(precision).max())  # β Φᵀ Φ + diag(α)
    assert np.allclose(np.diag(beyond)[:40], beyond[0, 0])
    assert np.allclose(np.diag(beyond)[40:], beyond[40, 40])


def test_products_of_rows_say_what_the_covariance_of_the_weights_says() -> None:
    random = np.random.default_rng(5)
    rows, target = random.normal(size=(30, 44)), random.normal(size=30)
    few, many = (view(rows, target, (10, 30, 4))(np.array([3.0, 40.0, 0.2]), 5.0) for view in (by_rows, by_columns))
    for one, other in zip(astuple(few, recurse=False), astuple(many, recurse=False), strict=True):
        assert one == pytest.approx(other)


def test_a_regression_does_not_depend_on_how_many_threads_there_are() -> None:
    random = np.random.default_rng(6)
    # As many as the mean of which two threads share out, with another last digit.
    rows, values = random.normal(size=(300, 2000)).T, random.normal(size=2000)
    found = []
    for count in (1, 2):
        with threadpool_limits(count):
            one = fitted(rows, (300,), (1.0,), values, np.ones(2000))
            found.append((one.centre, one.weights, one.root, one.mean(rows)))
            assert all(library["num_threads"] == count for library in threadpool_info())
    assert all(np.array_equal(*both) for both in zip(*found, strict=True))


def test_what_counts_twice_is_as_if_it_were_there_twice() -> None:
    source = np.random.default_rng(1)
    rows, values = source.normal(size=(40, 3)), source.normal(size=40)
    counts = np.where(np.arange(40) < 10, 2.0, 1.0)
    once = fitted(rows, (3,), (1.0,), values, counts)
    twice = fitted(np.vstack([rows, rows[:10]]), (3,), (1.0,), np.concatenate([values, values[:10]]), np.ones(50))
    assert once.centre == pytest.approx(twice.centre)
    assert once.scale == pytest.approx(twice.scale)


def test_a_predictor_is_believed_where_it_ranks_what_it_has_not_seen() -> None:
    several, unseen = drawn(150), drawn(200, seed=9)
    noise = np.random.default_rng(0).normal(0, 0.1, len(several))
    read, told = alike(digits(), several, [worth(one) + n for one, n in zip(several, noise, strict=True)])
    predictor = learned(read, told)
    assert predictor is not None
    assert predictor.believed
    columns = read.columns(points(digits().chain, unseen))
    assert kendall(predictor.regression.mean(columns), [worth(one) for one in unseen]) > 0.8


def test_a_predictor_is_not_believed_where_costs_say_as_much() -> None:
    several = drawn(150)
    flops = [cost(digits().chain, one)[digits().chain.measures.index("flops")] for one in several]
    predictor = learned(*alike(digits(), several, [-float(value) for value in flops]))
    assert predictor is not None
    assert predictor.rival == pytest.approx(1)
    assert not predictor.believed


def test_too_few_networks_teach_nothing() -> None:
    several = drawn(60)[: LEAST - 1]
    assert learned(*alike(digits(), several, [worth(one) for one in several])) is None


def test_proposals_are_inside_new_different_and_good() -> None:
    chain = digits().chain
    several = drawn(150)
    bounds = windows((BOUND,), chain)
    predictor = learned(*alike(digits(), several, [worth(one) for one in several]))
    assert predictor is not None
    found, again = (proposed(chain, bounds, predictor, drawn(24, seed=5), 24, stream(3)) for _ in range(2))
    assert found == again
    assert len(set(found)) == 24
    assert not set(found) & set(several)
    assert all(inside(chain, one, bounds) for one in found)
    assert all(digits().genotype(digits().architecture(one)) == one for one in found)
    assert np.mean([worth(one) for one in found]) < min(np.quantile([worth(one) for one in several], 0.1), 10)


def test_the_least_of_many_are_those_of_a_stable_sort() -> None:
    source = np.random.default_rng(0)
    for size in (2, 3, 50):
        values = source.integers(0, 6, (7, size)).astype(float)
        for count in (1, 2):
            assert np.array_equal(leading(values, count), np.argsort(values, axis=1, kind="stable")[:, :count])


def test_tau_is_scipys() -> None:
    scipy = pytest.importorskip("scipy.stats")
    source = np.random.default_rng(0)
    one, other = source.integers(0, 5, 40), source.integers(0, 5, 40)
    assert kendall(one, other) == pytest.approx(scipy.kendalltau(one, other).statistic)
    assert kendall(one, np.zeros(40)) == 0


def test_where_nothing_is_bounded_proposals_are_new_and_different() -> None:
    chain = digits().chain
    several = drawn(150)
    predictor = learned(*alike(digits(), several, [worth(one) for one in several]))
    assert predictor is not None
    found = proposed(chain, {}, predictor, drawn(24, seed=5), 24, stream(3))
    assert len(set(found)) == 24
    assert not set(found) & set(several)
