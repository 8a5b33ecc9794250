"""Fronts and hypervolumes are what their definitions say, by brute force."""

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from spacelang_runtime.search.pareto import crowding, dominates, front, fronts, hypervolume

POINTS = st.integers(1, 3).flatmap(
    lambda goals: st.lists(st.tuples(*[st.integers(0, 6)] * goals), min_size=1, max_size=12)
)


@given(POINTS)
def test_the_front_is_what_nothing_dominates(points) -> None:
    alone = [p for p in points if not any(dominates(q, p) for q in points)]
    assert {points[i] for i in front(points)} == set(alone)
    assert len(front(points)) == len(set(alone)), "of equal points, one"


@given(POINTS)
def test_sorting_peels_one_front_after_the_other(points) -> None:
    rest = list(range(len(points)))
    for members in fronts(points):
        assert members == [i for i in rest if not any(dominates(points[j], points[i]) for j in rest)]
        rest = [i for i in rest if i not in members]
    assert not rest


@given(POINTS)
def test_the_hypervolume_counts_the_dominated_cells(points) -> None:
    reference = (5,) * len(points[0])
    cells = product(range(5), repeat=len(points[0]))
    covered = sum(any(all(a <= c for a, c in zip(p, cell, strict=True)) for p in points) for cell in cells)
    assert hypervolume(points, reference) == covered


@given(POINTS)
def test_the_hypervolume_is_that_of_the_front(points) -> None:
    reference = (7,) * len(points[0])
    assert hypervolume(points, reference) == hypervolume([points[i] for i in front(points)], reference)


def test_crowding_is_the_distance_of_the_neighbours() -> None:
    distance = crowding([(0, 10), (1, 6), (4, 1), (10, 0)])
    assert distance[0] == distance[3] == float("inf")
    assert distance[1] == (4 - 0) / 10 + (10 - 1) / 10
    assert distance[2] == (10 - 1) / 10 + (6 - 0) / 10


@given(POINTS.filter(lambda points: len(set(points)) == len(points)))
def test_crowding_does_not_depend_on_the_order(points) -> None:
    forward = dict(zip(points, crowding(points), strict=True))
    backward = dict(zip(points[::-1], crowding(points[::-1]), strict=True))
    assert forward == backward
