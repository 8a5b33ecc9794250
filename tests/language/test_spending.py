"""A bound that nothing meets shows the arithmetic of the network that comes closest."""

import re
from pathlib import Path

import pytest

from spacelang.amount import short
from spacelang.check import compile_text
from spacelang.check.spending import Ends, Near, arithmetic, beyond, ends, needless, spent, unmet
from spacelang.lower.cells import Legal
from spacelang.lower.cost import MEASURES, price
from spacelang.lower.legal import legal
from spacelang.recipe import Bound
from spacelang.source import read
from spacelang.space import Space

SPACES = Path(__file__).resolve().parents[2] / "spaces"


def opened(name: str) -> tuple[Space, Ends]:
    space = compile_text(read(SPACES / f"{name}.space")).space
    assert space is not None
    left = legal(space)
    assert isinstance(left, Legal)
    return space, ends(space, left)


@pytest.mark.parametrize("name", ["digits", "s3", "autoformer_tiny"])
@pytest.mark.parametrize("measure", MEASURES)
def test_the_parts_add_up_to_what_the_network_costs(name: str, measure: str) -> None:
    _, found = opened(name)
    for network in (found.least[measure], found.most[measure]):
        assert spent(network, measure) == getattr(price(network), measure)
        *parts, total = arithmetic(network, measure).splitlines()
        assert total.split() == ["all", short(spent(network, measure))]
        assert len([line for line in parts if line.startswith("stage")]) == len(network.stages)


@pytest.mark.parametrize("measure", MEASURES)
def test_a_bound_is_beyond_a_space_exactly_where_its_ends_are(measure: str) -> None:
    _, found = opened("digits")
    low, high = spent(found.least[measure], measure), spent(found.most[measure], measure)
    assert beyond(Bound(measure, None, low), found) is None
    assert beyond(Bound(measure, high, None), found) is None
    below, above = beyond(Bound(measure, None, low - 1), found), beyond(Bound(measure, high + 1, None), found)
    assert below is not None
    assert "the smallest has" in below.message
    assert above is not None
    assert "the largest has" in above.message
    assert needless(Bound(measure, low, high), found) == (low, high)
    assert needless(Bound(measure, low + 1, high), found) is None
    assert needless(Bound(measure, low, high - 1), found) is None


def test_bounds_that_fail_together_name_the_nearest_values() -> None:
    _, found = opened("digits")
    bounds = (Bound("flops", None, spent(found.least["flops"], "flops")), Bound("params", 20_000, None))
    said = unmet(bounds, {"params": Near(below=19_998, above=None)}, found)
    assert re.search(r"flops <= .* and .* <= params", said.message)
    assert any("19 998" in note for note in said.notes)
