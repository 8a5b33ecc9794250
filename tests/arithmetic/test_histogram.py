"""Every bin of a histogram is the count of enumeration; stratified draws are spread evenly."""

from __future__ import annotations

from collections import Counter

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from spacelang.lower.chain import Window, cost, inside
from spacelang.lower.count import count
from spacelang.lower.draw import stream
from spacelang.lower.histogram import bins, histogram, strata
from spacelang.lower.stratify import stratified

from .chains import chains, everything, fits, windows
from .test_count import wide


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_every_value_is_counted_as_by_enumeration(data: st.DataObject) -> None:
    chain = data.draw(chains())
    measure = data.draw(st.sampled_from(chain.measures))
    spent = Counter(total[chain.measures.index(measure)] for total in everything(chain).values())
    found = histogram(chain, measure)
    assert found is not None
    assert {value: found.count(Window(value, value)) for value in spent} == dict(spent)
    assert found.count(Window(min(spent, default=0), max(spent, default=0))) == spent.total()


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_bins_inside_bounds_are_those_of_enumeration(data: st.DataObject) -> None:
    chain = data.draw(chains())
    bounds = data.draw(windows(chain))
    measure = data.draw(st.sampled_from(chain.measures))
    axis = chain.measures.index(measure)
    spent = [total for total in everything(chain).values() if fits(chain, bounds, total)]
    found = bins(chain, measure, 4, bounds)
    assert sum(number for _, number in found) == len(spent)
    for window, number in found:
        assert number == sum(window.lo <= total[axis] <= window.hi for total in spent)


def test_bins_beyond_float_precision_are_exact() -> None:
    chain = wide(4, 40, 2)  # 4^80 genotypes
    found = bins(chain, "flops", 7)
    assert [number for _, number in found] == [count(chain, {"flops": window}) for window, _ in found]
    assert sum(number for _, number in found) == 4**80


@given(st.integers(-50, 50), st.integers(1, 60), st.integers(1, 12))
def test_strata_part_a_window_evenly(low: int, width: int, number: int) -> None:
    found = strata(Window(low, low + width - 1), number)
    assert [value for one in found for value in range(one.lo, one.hi + 1)] == list(range(low, low + width))
    widths = {one.hi - one.lo + 1 for one in found}
    assert max(widths) - min(widths) <= 1


@settings(max_examples=20, deadline=None)
@given(st.data(), st.integers(0, 2**32))
def test_stratified_draws_take_as_many_from_each_stretch(data: st.DataObject, seed: int) -> None:
    chain = data.draw(chains())
    bounds = data.draw(windows(chain))
    held = [window for window, number in bins(chain, "flops", 3, bounds) if number]
    assume(held)
    drawn = stratified(chain, 7, stream(seed), parts=3, bounds=bounds)
    assert all(inside(chain, genotype, bounds) for genotype in drawn)
    spent = [cost(chain, genotype)[0] for genotype in drawn]
    shares = [sum(window.lo <= value <= window.hi for value in spent) for window in held]
    assert shares == [7 // len(held) + (number < 7 % len(held)) for number in range(len(held))]
