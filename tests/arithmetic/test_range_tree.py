"""Boxes over points of many coordinates, and many windows at once, answer as a look at everything does."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from spacelang.lower import range_tree
from spacelang.lower.bounds import Nearest, nearest, span
from spacelang.lower.chain import Window, inside
from spacelang.lower.count import count
from spacelang.lower.draw import draw, stream
from spacelang.lower.effect import effects
from spacelang.lower.histogram import bins
from spacelang.lower.operators import Rates, cross, mutate
from spacelang.lower.pattern import free
from spacelang.lower.range_tree import RangeTree, extreme, index, mass
from spacelang.lower.terms import Law

from .chains import chains, chi_square, everything, fits, law_given, windows
from .test_operators import UNLIKELY
from .test_spaces import network
from .test_tied import enumerated, lowered
from .tied import Tied, tied


@pytest.fixture(autouse=True)
def trees_of_few_points() -> Iterator[None]:
    """Trees are made for many points alone, otherwise."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(range_tree, "FEW", 1)
        patch.setattr(range_tree, "SPREAD", 1)
        yield


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.lists(st.integers(1, 40), min_size=3, max_size=5), st.integers(1, 600))
def test_mass_extremes_and_draws_are_those_of_every_point(seed: int, reach: list[int], size: int) -> None:
    random = np.random.default_rng(seed)
    cost = np.stack([random.integers(0, one, size) * 3 + 7 for one in reach])
    weight = random.integers(1, 50, size).astype(np.float64)
    low = np.stack([random.integers(-5, 3 * one + 12, 60) for one in reach])
    high = low + random.integers(-3, 100, low.shape)
    held = ((cost[:, None] >= low[:, :, None]) & (cost[:, None] <= high[:, :, None])).all(axis=0)
    points, ones = index(cost, weight), index(cost, np.ones(size))
    assert isinstance(points, RangeTree) or size <= max(1, *(len(np.unique(one)) for one in cost))
    inside = mass(points, low, high)
    assert inside.tolist() == (held @ weight).tolist()
    for most in (False, True):
        some, value = extreme(ones, low, high, most=most)
        pick = max if most else min
        expected = {box: pick(cost[-1][own].tolist()) for box, own in enumerate(held) if own.any()}
        assert dict(zip(some.tolist(), value.tolist(), strict=True)) == expected
    for box in np.nonzero(inside)[0][:3].tolist():  # every share of a box once: each point as often as it weighs
        shares = int(inside[box])
        lows, highs = (np.repeat(ends[:, [box]], shares, axis=1) for ends in (low, high))
        uniform = (np.arange(shares) + 0.5) / shares
        drawn = range_tree.draw(points, lows, highs, np.full(shares, inside[box]), uniform)
        assert np.bincount(drawn, minlength=size).tolist() == np.where(held[box], weight, 0).tolist()


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_three_windows_on_a_chain(data: st.DataObject) -> None:
    chain = data.draw(chains(measures=3))
    everyone = everything(chain)
    bounds = data.draw(windows(chain, least=3))
    held = [spent for spent in everyone.values() if fits(chain, bounds, spent)]
    assert count(chain, bounds) == len(held)
    for axis, measure in enumerate(chain.measures):
        values = {spent[axis] for spent in held}
        others = {name: window for name, window in bounds.items() if name != measure}
        known = {spent[axis] for spent in everyone.values() if fits(chain, others, spent)}
        assert span(chain, measure, others) == (Window(min(known), max(known)) if known else None)
        assert nearest(chain, measure, bounds) == Nearest(
            below=max((value for value in known if value < bounds[measure].lo), default=None),
            above=min((value for value in known if value > bounds[measure].hi), default=None),
        )
        assert values == {value for value in known if bounds[measure].lo <= value <= bounds[measure].hi}
    drawn = list(draw(chain, 400, stream(5), bounds=bounds))
    assert len(drawn) == (400 if held else 0)
    if held:
        assert chi_square(law_given(chain, free(chain), bounds, uniform=False), drawn) > UNLIKELY


@settings(max_examples=20, deadline=None)
@given(tied(), st.data())
def test_totals_and_both_costs_at_once(space: Tied, data: st.DataObject) -> None:
    assume(space.rules)
    everyone = {one: space.written.cost(one) for one in enumerated(space, 500)}
    found = lowered(space)
    chain = found.chain
    some = st.sampled_from(sorted(everyone, key=repr))
    ends = [data.draw(st.tuples(some, some)) for _ in "12"]
    bounds = {
        name: Window(*sorted(everyone[one][axis] for one in ends[axis]))
        for axis, name in enumerate(("flops", "params"))
    }
    ends_ = list(enumerate(bounds.values()))
    held = [one for one, spent in everyone.items() if all(w.lo <= spent[axis] <= w.hi for axis, w in ends_)]
    assert count(chain, bounds) == len(held)
    for axis, (name, window) in enumerate(bounds.items()):
        others = {other: wide for other, wide in bounds.items() if other != name}
        (wide,) = others.values()
        values = {spent[axis] for spent in everyone.values() if wide.lo <= spent[1 - axis] <= wide.hi}
        assert nearest(chain, name, bounds) == Nearest(
            below=max((value for value in values if value < window.lo), default=None),
            above=min((value for value in values if value > window.hi), default=None),
        )
        for stretch, inside_ in bins(chain, name, 3, bounds):
            assert inside_ == sum(stretch.lo <= everyone[one][axis] <= stretch.hi for one in held)
    for one in effects(found, bounds):
        if one.dimension == "depth" and one.stage:
            assert one.taken.lower == sum(len(n[one.stage - 1][1]) == one.option for n in held)
    if not held:
        return
    law = {one: Fraction(1, len(held)) for one in held}
    drawn = draw(chain, 1000, stream(3), law=Law.UNIFORM, bounds=bounds)
    assert chi_square(law, [network(found.architecture(one)) for one in drawn]) > UNLIKELY
    parents = list(drawn)[:20]
    children = mutate(chain, parents, Rates(0.5, 0.5, 0.5, 0.5, 0.5), stream(4), bounds)
    children += cross(chain, list(zip(parents, reversed(parents), strict=True)), stream(5), bounds)
    assert all(inside(chain, child.genotype, bounds) for child in children)
