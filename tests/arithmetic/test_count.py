"""Counts are the counts of enumeration, in all, inside windows, and under a pattern."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacelang.lower import meet_in_the_middle, sums
from spacelang.lower.bounded_chain import bounded_chain
from spacelang.lower.bracket import Bracket, between, bracket
from spacelang.lower.chain import Cell, Chain, LayerOption, Window, joint
from spacelang.lower.convolution import cell_classes, counted
from spacelang.lower.count import count
from spacelang.lower.pattern import free
from spacelang.lower.product import product, products
from spacelang.lower.terms import Law, terms
from spacelang.lower.too_large import TooLarge

from .chains import chains, everything, fits, law_given, patterns, windows


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_counts_inside_windows_are_those_of_enumeration(data: st.DataObject) -> None:
    chain = data.draw(chains())
    bounds = data.draw(windows(chain))
    assert count(chain, bounds) == sum(fits(chain, bounds, spent) for spent in everything(chain).values())


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_counts_under_a_pattern_are_those_of_enumeration(data: st.DataObject) -> None:
    chain = data.draw(chains())
    pattern, bounds = data.draw(patterns(chain)), data.draw(windows(chain))
    assert count(chain, bounds, pattern) == len(law_given(chain, pattern, bounds, uniform=True))


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_three_windows_at_once_count_as_enumeration_does(data: st.DataObject) -> None:
    chain = data.draw(chains(measures=3))
    bounds = data.draw(windows(chain, least=3))
    assert count(chain, bounds) == sum(fits(chain, bounds, spent) for spent in everything(chain).values())


def wide(options: int, depth: int, stages: int) -> Chain:
    """Stages whose layers cost 0, 1, ..., with as many genotypes as wanted."""
    every = tuple(LayerOption((number,), (number, number * number % 7)) for number in range(options))

    return Chain(
        ("flops", "params"),
        ((Cell(depth, 1, (0, 0), every),),) * stages,
        (joint({(0, 0): (0, 0)}, 1, 1),) * (stages - 1),
    )


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 4), st.integers(30, 45), st.integers(0, 150), st.integers(0, 120))
def test_counts_beyond_float_precision_are_exact(options: int, depth: int, low: int, size: int) -> None:
    """Two stages of k layers cost what one stage of 2k layers does, whose counts are binomial sums."""
    chain = wide(options, depth, 2)
    window = Window(low, low + size)
    ways = [1]  # coefficients of (1 + x + ... + x^(options-1))^(2 depth)
    for _ in range(2 * depth):
        ways = [sum(ways[max(0, at - options + 1) : at + 1]) for at in range(len(ways) + options - 1)]
    assert count(chain, {"flops": window}) == sum(ways[low : low + size + 1])
    assert count(chain) == options ** (2 * depth)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2**53 - 1), st.integers(0, 2**53 - 1)), min_size=1, max_size=30))
def test_sums_of_products_of_whole_numbers_are_exact(pairs: list[tuple[int, int]]) -> None:
    one, other = (np.array(column, np.float64) for column in zip(*pairs, strict=True))
    whole = sum(a * b for a, b in pairs)
    assert product(one, other) == whole
    assert products(np.stack([other, other]), one).tolist() == [whole, whole]


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_a_deep_stage_is_counted_alike_by_its_own_way_and_by_halves(data: st.DataObject) -> None:
    chain = data.draw(chains())
    measure = data.draw(st.sampled_from(chain.measures))
    bounds = data.draw(windows(chain, least=1))
    found = bounded_chain(terms(chain), free(chain), {measure: bounds.get(measure, Window(10, 40))})
    if found is not None and found.axes:
        classes = cell_classes(found, Law.UNIFORM)
        assert classes is not None
        assert counted(found, classes[1]) == sum(
            fits(chain, {measure: bounds.get(measure, Window(10, 40))}, spent)
            for spent in everything(chain).values()
        )


@settings(max_examples=10, deadline=None)
@given(st.integers(40, 60), st.integers(0, 200), st.integers(0, 100))
def test_a_stage_deeper_than_float_precision_is_counted_exactly(depth: int, low: int, size: int) -> None:
    window = Window(low, low + size)
    chain = wide(3, depth, 1)
    ways = [1]
    for _ in range(depth):
        ways = [sum(ways[max(0, at - 2) : at + 1]) for at in range(len(ways) + 2)]
    assert count(chain, {"flops": window}) == sum(ways[low : low + size + 1])


def test_a_question_whose_tables_would_not_fit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sums, "MOST", 1000)
    with pytest.raises(TooLarge, match="bound fewer measures"):
        count(scattered(), {"flops": Window(0, 7**11 * 20), "params": Window(0, 11**11 * 20)})


def scattered() -> Chain:
    """A deep stage whose sums are nearly all distinct."""
    options = tuple(LayerOption((number,), (7**number, 11**number)) for number in range(12))
    return Chain(("flops", "params"), ((Cell(40, 1, (0, 0), options),),), ())


def test_a_refused_count_is_bracketed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sums, "MOST", 1000)
    found = bracket(scattered(), {"flops": Window(0, 7**11 * 20), "params": Window(0, 11**11 * 8)})
    assert not found.exact
    assert 0 < found.lower < found.upper < 12**40


@settings(max_examples=50, deadline=None)
@given(st.data(), st.integers(2, 30))
def test_rounded_costs_bracket_the_count(data: st.DataObject, cells: int) -> None:
    chain = data.draw(chains())
    window = data.draw(st.builds(lambda low, size: Window(low, low + size), st.integers(0, 60), st.integers(0, 50)))
    found = between(chain, "flops", window, cells)
    assert found.lower <= count(chain, {"flops": window}) <= found.upper


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_what_can_be_counted_is_bracketed_exactly(data: st.DataObject) -> None:
    chain = data.draw(chains())
    bounds = data.draw(windows(chain))
    assert bracket(chain, bounds) == Bracket(count(chain, bounds), count(chain, bounds))


def test_three_measures_at_once_are_refused_in_a_large_space(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meet_in_the_middle, "MOST_LOOKS", 10)
    options = tuple(LayerOption((number,), (number, 2**number, 3**number)) for number in range(3))
    chain = Chain(("flops", "params", "latency"), ((Cell(4, 1, (0, 0, 0), options),),), ())
    with pytest.raises(TooLarge, match="at most two"):
        count(chain, {"flops": Window(1, 5), "params": Window(5, 9), "latency": Window(5, 20)})
