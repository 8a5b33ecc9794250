"""Extremes, ranges and nearest feasible values are those of enumeration."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from spacelang.lower.bounded_chain import bounded_chain
from spacelang.lower.bounds import Nearest, nearest, span
from spacelang.lower.chain import Window
from spacelang.lower.convolution import cell_classes, end
from spacelang.lower.extremes import largest, smallest
from spacelang.lower.pattern import free
from spacelang.lower.terms import Law, terms

from .chains import chains, everything, fits, windows


@settings(max_examples=60, deadline=None)
@given(chains(measures=2))
def test_largest_and_smallest_break_ties_by_params_then_canonical_order(chain: object) -> None:
    everyone = list(everything(chain).items())  # type: ignore[arg-type]
    low = min(everyone, key=lambda item: item[1], default=None)  # min and max keep the first of equals
    high = max(everyone, key=lambda item: item[1], default=None)
    assert smallest(chain) == (low and low[0])  # type: ignore[arg-type]
    assert largest(chain) == (high and high[0])  # type: ignore[arg-type]


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_ends_by_way_of_a_deep_stage_are_those_of_enumeration(data: st.DataObject) -> None:
    chain = data.draw(chains())
    measure = data.draw(st.sampled_from(chain.measures))
    window = data.draw(st.builds(lambda low, size: Window(low, low + size), st.integers(-5, 80), st.integers(0, 9)))
    found = bounded_chain(terms(chain), free(chain), {measure: window})
    classes = cell_classes(found, Law.UNIFORM) if found is not None and found.axes else None
    if found is None or classes is None:
        return
    spent = [total[chain.measures.index(measure)] for total in everything(chain).values()]
    held = [value for value in spent if window.lo <= value <= window.hi]
    assert end(found, classes[1], most=False) == min(held, default=None)
    assert end(found, classes[1], most=True) == max(held, default=None)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_ranges_and_nearest_values_under_the_other_bounds(data: st.DataObject) -> None:
    chain = data.draw(chains(measures=data.draw(st.integers(1, 3))))
    bounds = data.draw(windows(chain))
    measure = data.draw(st.sampled_from(chain.measures))
    axis = chain.measures.index(measure)
    others = {name: window for name, window in bounds.items() if name != measure}
    values = {spent[axis] for spent in everything(chain).values() if fits(chain, others, spent)}
    assert span(chain, measure, bounds) == (Window(min(values), max(values)) if values else None)
    window = data.draw(st.builds(lambda low, size: Window(low, low + size), st.integers(-5, 80), st.integers(0, 9)))
    assert nearest(chain, measure, {**bounds, measure: window}) == Nearest(
        below=max((value for value in values if value < window.lo), default=None),
        above=min((value for value in values if value > window.hi), default=None),
    )
