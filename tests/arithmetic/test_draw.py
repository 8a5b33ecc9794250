"""Draws come from the stated law, inside the windows, and are the same for the same seed."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacelang.lower import sampling_table, sums
from spacelang.lower.chain import EVERY, Cell, Chain, LayerOption, Limit, Window, inside, joint
from spacelang.lower.draw import draw, stream
from spacelang.lower.pattern import free
from spacelang.lower.terms import Law

from .chains import chains, chi_square, law_given, patterns, windows

UNLIKELY = 1e-6


@settings(max_examples=30, deadline=None)
@given(st.data(), st.sampled_from(Law), st.integers(0, 2**32))
def test_draws_follow_the_law_given_windows_and_pattern(data: st.DataObject, law: Law, seed: int) -> None:
    chain = data.draw(chains())
    pattern = data.draw(st.one_of(st.just(free(chain)), patterns(chain)))
    bounds = data.draw(windows(chain))
    drawn = list(draw(chain, 3000, stream(seed), law=law, bounds=bounds, pattern=pattern))
    expected = law_given(chain, pattern, bounds, uniform=law is Law.UNIFORM)
    assert len(drawn) == (3000 if expected else 0)
    assert chi_square(expected, drawn) > UNLIKELY


@settings(max_examples=15, deadline=None)
@given(st.data(), st.integers(0, 2**32))
def test_draws_inside_three_windows_follow_the_law(data: st.DataObject, seed: int) -> None:
    chain = data.draw(chains(measures=3))
    bounds = data.draw(windows(chain, least=3))
    drawn = list(draw(chain, 2000, stream(seed), law=Law.UNIFORM, bounds=bounds))
    expected = law_given(chain, free(chain), bounds, uniform=True)
    assert len(drawn) == (2000 if expected else 0)
    assert chi_square(expected, drawn) > UNLIKELY


@settings(max_examples=20, deadline=None)
@given(st.data(), st.sampled_from(Law), st.integers(0, 2**32))
def test_draws_by_way_of_a_deep_stage_follow_the_law(data: st.DataObject, law: Law, seed: int) -> None:
    chain = data.draw(chains())
    measure = data.draw(st.sampled_from(chain.measures))
    window = data.draw(st.builds(lambda low, size: Window(low, low + size), st.integers(0, 60), st.integers(0, 50)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampling_table, "deep", lambda found: len(found.axes) == 1)
        sampling_table._whole.cache_clear()
        drawn = list(draw(chain, 2000, stream(seed), law=law, bounds={measure: window}))
    sampling_table._whole.cache_clear()
    expected = law_given(chain, free(chain), {measure: window}, uniform=law is Law.UNIFORM)
    assert len(drawn) == (2000 if expected else 0)
    assert chi_square(expected, drawn) > UNLIKELY


@settings(max_examples=15, deadline=None)
@given(st.data(), st.sampled_from(Law), st.integers(0, 2**32))
def test_draws_are_the_same_from_what_was_kept(data: st.DataObject, law: Law, seed: int) -> None:
    chain = data.draw(chains())
    bounds = data.draw(windows(chain))
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPACELANG_CACHE", folder)
        patch.setattr(sampling_table, "LONG", 0)
        patch.setattr(sampling_table, "MARK", 2)  # so that few draws look at few queries
        found = []
        for _ in range(2):
            sampling_table._whole.cache_clear()
            found.append([list(draw(chain, n, stream(seed), law=law, bounds=bounds)) for n in (3, 50)])
        kept = list(Path(folder).rglob("*.kept"))
    sampling_table._whole.cache_clear()
    assert found[0] == found[1]
    assert bool(kept) == bool(found[0][0])


def test_draws_where_costs_share_no_divisor_are_inside_and_say_that_they_are_of_less() -> None:
    """Forty layers whose sums are nearly all distinct: no table holds them."""
    options = tuple(LayerOption((number,), (7**number,)) for number in range(12))
    chain = Chain(("params",), ((Cell(40, 1, (0,), options),),), ())
    for window in (Window(0, 7**11 * 6), Window(7**11 * 5, 7**11 * 6)):
        drawn = draw(chain, 100, stream(1), bounds={"params": window})
        assert drawn.narrowed
        assert len(drawn) == 100
        assert all(inside(chain, one, {"params": window}) for one in drawn)


@pytest.mark.parametrize("stages", [1, 2])
def test_draws_of_less_than_the_window_keep_the_bounds_on_totals(
    stages: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sums, "MOST", 1 << 12)  # so that ten layers are many
    monkeypatch.setattr(sampling_table, "CELLS", 1 << 8)
    options = tuple(LayerOption((number,), (7**number, 0)) for number in range(6))
    deep = tuple(Cell(depth, 1, (0, depth), options) for depth in (8, 9, 10))
    thin = tuple(Cell(depth, 1, (0, depth), (LayerOption((0,), (1, 0)),)) for depth in (1, 2))
    link = joint({(i, j): (0, 0) for i in range(3) for j in range(2)}, 3, 2)
    limits = (Limit("sum(depth)", EVERY),)
    chain = Chain(("params", "sum(depth)"), (deep, thin)[:stages], (link,)[: stages - 1], (), limits)
    bounds = {"params": Window(0, 7**5 * 4), "sum(depth)": Window(0, 9 + stages - 1)}
    drawn = draw(chain, 200, stream(1), bounds=bounds)
    assert drawn.narrowed
    assert len(drawn) == 200
    assert all(inside(chain, one, bounds) for one in drawn)


@settings(max_examples=20, deadline=None)
@given(chains(), st.integers(0, 2**32))
def test_the_same_seed_gives_the_same_draws(chain: object, seed: int) -> None:
    first, second = (list(draw(chain, 20, stream(seed))) for _ in range(2))  # type: ignore[arg-type]
    assert first == second


@settings(max_examples=20, deadline=None)
@given(chains(), st.integers(0, 2**32))
def test_a_draw_by_its_number_is_that_of_the_iteration(chain: object, seed: int) -> None:
    drawn = draw(chain, 20, stream(seed))  # type: ignore[arg-type]
    assert [drawn.at(number) for number in range(len(drawn))] == list(drawn)


def test_numbers_are_the_raw_words_of_the_generator() -> None:
    words = np.random.PCG64(7).random_raw(5)
    assert stream(7).uniform(5).tolist() == [int(word) // 4096 / 2**52 for word in words]
