"""A table of measured costs is one more measure of the exact arithmetic."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction

import pytest
from hypothesis import given, settings

from spacelang.lower import costs
from spacelang.lower.chain import Window, cost
from spacelang.lower.count import count
from spacelang.lower.draw import draw, stream
from spacelang.lower.lowered import Lowered
from spacelang.lower.price import with_table

from .spaces import Written, written
from .test_spaces import enumerated, lowered, network


def keys(found: Lowered) -> Iterator[str]:
    """The blocks that networks of a space are made of."""
    last = len(found.legal.stages)
    for number, cells in enumerate(found.legal.stages, 1):
        for cell in cells:
            if number == 1:
                yield f"stem/{cell.embed}"
            if number == last:
                yield f"head/{cell.embed}"
            yield from (costs.layer_key(number, cell.embed, layer) for layer in cell.options)
    for number, links in enumerate(found.legal.links, 2):
        before, after = found.legal.stages[number - 2 : number]
        yield from (f"merge/{number}/{before[i].embed}:{after[j].embed}" for i, j in links)


def table(found: Lowered) -> dict[str, float]:
    return {key: 7 * at % 11 / 8 for at, key in enumerate(sorted(set(keys(found))))}


def text(entries: dict[str, float]) -> str:
    return json.dumps({"measure": "latency", "unit": "ms", "entries": entries})


@settings(max_examples=20, deadline=None)
@given(written())
def test_a_network_costs_the_sum_of_its_blocks(space: Written) -> None:
    enumerated(space)
    found = lowered(space.text)
    entries = table(found)
    read = costs.read(text(entries))
    assert set(costs.blocks(found.legal)) == set(entries)
    chain = with_table(found.chain, found.legal, read)
    assert chain.measures == ("flops", "params", "latency")
    spent = []
    for one in draw(chain, 40, stream(0)):
        whole = found.architecture(one)
        embeds = [stage.embed for stage in whole.stages]
        total = Fraction(entries[f"stem/{embeds[0]}"]) + Fraction(entries[f"head/{embeds[-1]}"])
        for number, stage in enumerate(whole.stages, 1):
            total += sum(Fraction(entries[costs.layer_key(number, stage.embed, la)]) for la in stage.layers)
            if number > 1:
                total += Fraction(entries[f"merge/{number}/{embeds[number - 2]}:{stage.embed}"])
        assert Fraction(cost(chain, one)[2], read.scale) == total
        assert cost(chain, one)[:2] == space.cost(network(whole))
        spent.append(cost(chain, one)[2])
    top = Window(0, sorted(spent)[20])
    inside = list(draw(chain, 40, stream(1), bounds={"latency": top}))
    assert inside
    assert all(cost(chain, one)[2] <= top.hi for one in inside)
    assert 0 < count(chain, {"latency": top}) <= found.count
    with pytest.raises(costs.NotATable, match="two tables of latency"):
        with_table(chain, found.legal, read)


SMALL = "edition 2026\nspace s\nimage = 32\npatch = 4\nclasses = 10\nstage 1 {\n  depth = 1\n" + (
    "  embed in {8, 16}\n  each layer {\n    heads = 2\n    qkv = 8\n    mlp = 2\n    window = global\n  }\n}\n"
)


def test_missing_entries_are_named() -> None:
    found = lowered(SMALL)
    entries = table(found)
    del entries["stem/8"], entries["1/16:h2q8m2wg"]
    with pytest.raises(costs.NotATable, match=r"lacks 2 of 6 entries of the space: `stem/8`, `1/16:h2q8m2wg`"):
        with_table(found.chain, found.legal, costs.read(text(entries)))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "not JSON"),
        ("[]", "not of the form"),
        ('{"measure": "flops", "entries": {}}', "a name of its own"),
        ('{"measure": "energy", "unit": 1, "entries": {}}', "`unit` is a text"),
        ('{"measure": "energy", "entries": {"stem/8": -1}}', "`stem/8` is not a number from 0"),
        ('{"measure": "energy", "entries": {"stem/8": NaN}}', "`stem/8` is not a number from 0"),
        ('{"measure": "energy", "entries": {"stem/8": true}}', "`stem/8` is not a number from 0"),
        ('{"measure": "energy", "entries": {"stem/8": 1e999999}}', "too large"),
        ('{"measure": "energy", "entries": {"stem/8": 1e-999999}}', "too small"),
        ('{"measure": "energy", "entries": {"stem/8": 0.1234567891}}', "more than 9 decimals"),
    ],
)
def test_a_table_that_cannot_be_used_says_why(content: str, said: str) -> None:
    with pytest.raises(costs.NotATable, match=said):
        costs.read(content)
