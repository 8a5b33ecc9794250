"""`import spacelang as sl`: spaces, networks and what is asked of them, as values."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import pytest

import spacelang as sl
from spacelang.lower import meet_in_the_middle
from spacelang.lower.costs import blocks
from spacelang.render import render

DIGITS = "spaces/digits.space"
WRONG = "edition 2026\nspace x\nimage = 8\nimge = 3\n"


@pytest.fixture(scope="module")
def table(space: sl.Space, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A latency of half a microsecond a block."""
    path = tmp_path_factory.mktemp("costs") / "latency.json"
    entries = dict.fromkeys(blocks(space.lowered.legal), 0.5)
    path.write_text(json.dumps({"measure": "latency", "unit": "us", "entries": entries}))
    return path


def test_a_shipped_space_is_found_wherever_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = sl.load(DIGITS)
    monkeypatch.chdir(tmp_path)
    assert sl.load(DIGITS) == sl.load("digits.space") == here


def test_counts_of_parts_add_up_to_the_whole(space: sl.Space) -> None:
    low, high = space.range("flops")
    middle = (low + high) // 2
    below, above = space.count(flops=middle), space.count(flops=(middle + 1, None))
    assert below + above == space.count()
    assert below == space.count(flops=f"..{middle}") == space.count(flops=float(middle))
    assert space.between(flops=middle) == (below, below)
    assert space.count(bounds={"flops": middle}) == space.count(bounds=[f"flops={middle}"]) == below


def test_smallest_and_largest_are_the_ends_of_the_range(space: sl.Space) -> None:
    assert space.range("flops") == (space.smallest.flops, space.largest.flops)
    assert space.cost(space.largest) == {"flops": space.largest.flops, "params": space.largest.params}


def test_bars_of_a_histogram_are_exact(space: sl.Space, tmp_path: Path) -> None:
    histogram = space.histogram("params", bins=7, flops="300K")
    assert histogram.total == space.count(flops="300K")
    rows = histogram.records()
    assert [row["count"] for row in rows] == [
        space.count(flops="300K", params=(row["low"], row["high"])) for row in rows
    ]
    histogram.plot(tmp_path / "bars.svg")
    assert ElementTree.parse(tmp_path / "bars.svg").getroot().tag.endswith("svg")
    with pytest.raises(sl.Failure, match=r"\.svg or \.png"):
        histogram.plot(tmp_path / "bars.pdf")


def test_samples_are_inside_and_the_same_for_a_seed(space: sl.Space) -> None:
    drawn = space.sample(20, flops="200K..300K", seed=3)
    assert list(drawn) == list(space.sample(20, flops="200K..300K", seed=3))
    assert list(drawn) != list(space.sample(20, flops="200K..300K", seed=4))
    assert all(space.contains(one, flops="200K..300K") for one in drawn)
    assert [row["flops"] for row in drawn.records()] == [one.flops for one in drawn]
    assert len(space.sample(0)) == 0
    assert len(space.sample(20, stratified=True)) == 20


def test_children_stay_inside(space: sl.Space) -> None:
    one, other = space.sample(2, flops="200K..250K", seed=1)
    for seed in range(20):
        assert space.contains(space.mutate(one, flops="200K..250K", seed=seed), flops="200K..250K")
        assert space.contains(space.cross(one, other, flops="200K..250K", seed=seed), flops="200K..250K")
    assert space.mutate(one, seed=5) == space.mutate(one.line, seed=5)


def test_the_nearest_values_are_those_of_networks(space: sl.Space) -> None:
    near = space.nearest(flops=(200_000, 200_001))["flops"]
    assert near.below < 200_000 < 200_001 < near.above
    assert space.count(flops=(near.below, near.below)) > 0
    assert space.count(flops=(near.below + 1, near.above - 1)) == space.count(flops=(200_000, 200_001))


def test_a_space_contains_what_is_narrower() -> None:
    wide, narrow = sl.load("spaces/s3.space"), sl.load("spaces/s3_mobile.space")
    assert narrow in wide
    assert wide not in narrow
    assert narrow.smallest in wide
    assert wide.largest not in narrow
    assert "i8-p2-c10/16:h2q16m2w2" not in wide
    assert wide.diff(narrow).change == "narrower"


def test_further_costs_are_measures_like_others(space: sl.Space, table: Path) -> None:
    timed = space.with_costs(table)
    assert timed.measures == ("flops", "params", "latency")
    low, high = timed.range("latency")
    assert low < high
    assert timed.count(latency=f"{low}us") == timed.count(latency=low) > 0
    drawn = timed.sample(5, latency="3us")
    assert all(row["latency"] <= 3 for row in drawn.records())
    best = sl.search(timed, lambda one: one.depth, latency="3us", candidates=20, settings={"population": 10})
    assert all(row["latency"] <= 3 for row in best.records())
    with pytest.raises(sl.Failure, match="form"):
        space.with_costs(_written(table.parent / "wrong.json", "{}"))


def _written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_space_comes_back_from_its_json(space: sl.Space) -> None:
    again = sl.Space.from_json(space.to_json())
    assert again == space
    assert again.digest == space.digest
    with pytest.raises(sl.Failure, match="no space"):
        sl.Space.from_json("{}")


RULES = """
edition 2026
space x
image = 8
patch = 2
classes = 10
RULE
stage 1 {
  depth in 1..2
  embed in {16, 32}
  each layer {
    heads in {1, 2}
    window = 4
  }
}
"""
# A rule that may stand in a text, a part of it in JSON, what stands there instead, and why that is refused.
HEADS, IMAGE, ZERO, MOST = (
    '{"is":"name","name":"heads"}',
    '{"is":"name","name":"image"}',
    '{"is":"constant","value":0}',
    '{"is":"constant","value":900}',
)
DEPTHS = '{"argument":{"is":"name","name":"depth"},"function":"sum","is":"total"}'
REFUSED_RULES = {
    "a division by zero": ("require each layer: 64 / heads >= 32", HEADS, ZERO, "division by zero, in stage 1"),
    "totals over zero": ("require sum(depth) <= 16 / image", IMAGE, ZERO, "division by zero"),
    "a product of totals": ("require sum(depth) * image <= 900", IMAGE, DEPTHS, "totals are added, subtracted"),
    "no network": ("require each layer: heads <= 900", MOST, ZERO, "no network meets `heads <= 0`"),
}


@pytest.mark.parametrize("case", REFUSED_RULES)
def test_json_with_a_rule_that_a_text_may_not_have_is_refused(case: str) -> None:
    rule, part, other, reason = REFUSED_RULES[case]
    written = sl.parse(RULES.replace("RULE", rule)).to_json()
    assert sl.Space.from_json(written).to_json() == written
    assert part in written
    with pytest.raises(sl.Failure, match="this JSON is no space: ") as refused:
        sl.Space.from_json(written.replace(part, other))
    assert reason in refused.value.message


@pytest.mark.parametrize("name", ["digits", "s3", "autoformer_small", "swin_tiny"])
def test_a_network_comes_back_from_its_line_and_its_json(name: str) -> None:
    for one in sl.load(f"spaces/{name}.space").sample(5):
        for again in (sl.Architecture.from_line(one.line), sl.Architecture.from_json(json.dumps(one.to_json()))):
            assert again == one
            assert again.digest == one.digest
        assert eval(repr(one), {"Architecture": sl.Architecture}) == one
        assert len(one.records()) == one.depth


def test_what_is_wrong_with_a_text_is_what_check_prints(tmp_path: Path, spacelang) -> None:  # type: ignore[no-untyped-def]
    path = _written(tmp_path / "x.space", WRONG)
    with pytest.raises(sl.SpaceError) as wrong:
        sl.load(path)
    assert spacelang("check", str(path)).err.startswith(str(wrong.value))
    assert wrong.value.message == f"{path} has {len(wrong.value.diagnostics)} errors"
    assert "E0207" in [found.code for found in wrong.value.diagnostics]
    with pytest.raises(sl.SpaceError, match=r"<text>:4:1"):
        sl.parse(WRONG)


def test_warnings_stay_with_the_space(space: sl.Space) -> None:
    text = space.source.text.replace("window in {", "window in {90, ", 1)
    doubtful = sl.parse(text)
    assert "warning" in render(doubtful.source, doubtful.diagnostics)


REFUSED = {
    "a file that is not there": (lambda s: sl.load("spaces/digit.space"), "did you mean spaces/digits.space"),
    "a folder": (lambda s: sl.load("spaces"), "is a folder"),
    "a small suffix": (lambda s: s.count(flops="400k"), "400K"),
    "no amount": (lambda s: s.count(flops="much"), "not an amount"),
    "no number": (lambda s: s.count(flops=float("nan")), "not an amount"),
    "a measure without its table": (lambda s: s.count(latency="5ms"), "with_costs"),
    "a bound without a value": (lambda s: s.count(bounds=["flops"]), "NAME=WINDOW"),
    "a bound that nothing meets": (lambda s: s.sample(1, flops=1), "nearest MACs"),
    "no measure": (lambda s: s.range("flop"), "one of flops, params"),
    "a line of nothing": (lambda s: s.cost("i8"), "not an architecture"),
    "a network of another space": (lambda s: s.cost("i8-p2-c10/9:h1q9m1w2"), "does not hold"),
    "JSON of nothing": (lambda s: sl.Architecture.from_json("{}"), "not an architecture"),
    "JSON without end": (lambda s: sl.Architecture.from_json("[" * 100_000), "nested without end"),
    "three ends": (lambda s: s.count(flops=(1, 2, 3)), "not a pair of ends"),
    "no law": (lambda s: s.sample(law="fair"), "law: 'fair' is none of uniform, random"),
    "fewer than no networks": (lambda s: s.sample(-1), "number: it is a whole number from 0"),
    "a seed below 0": (lambda s: s.sample(seed=-1), "seed: it is a whole number from 0"),
    "half a seed": (lambda s: s.mutate(s.largest, seed=0.5), "seed: it is a whole number from 0"),
    "no bins": (lambda s: s.histogram(bins=0), "bins: it is a whole number from 1"),
    "a table that is not there": (lambda s: s.with_costs("nowhere.json"), "no file nowhere.json"),
    "a folder for a table": (lambda s: s.with_costs("spaces"), "spaces is a folder"),
}


@pytest.mark.parametrize(("call", "said"), REFUSED.values(), ids=REFUSED)
def test_what_a_user_can_mend_is_one_exception_with_its_remedy(call, said: str, space: sl.Space) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(sl.Failure) as failure:
        call(space)
    assert said in f"{failure.value.message} {failure.value.remedy}"


def test_a_bound_and_a_line_of_a_recipe_may_stand_alone(space: sl.Space) -> None:
    assert space.count(bounds="flops=300K") == space.count(flops="300K")
    assert sl.Searcher(space, settings="population=7").recipe.population == 7


def test_what_cannot_be_told_exactly_is_a_failure_that_says_what_to_ask(
    space: sl.Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meet_in_the_middle, "MOST_QUERIES", 0)
    one, bounds = space.smallest, {"flops": "10K..299K", "params": "1K..20K"}
    calls = (space.sample, space.histogram, space.nearest, partial(space.mutate, one), partial(sl.Searcher, space))
    for call in calls:
        with pytest.raises(sl.Failure, match=r"too many sums of costs to be exact: .* bound fewer measures"):
            call(bounds=bounds)


def test_values_show_themselves_in_a_notebook(space: sl.Space) -> None:
    found = sl.search(space, lambda one: one.depth, candidates=8)
    front = sl.search(space, lambda one: (one.depth, one.flops), candidates=8, direction=("maximize", "minimize"))
    for value in (space, space.largest, space.sample(3), space.histogram(), found, front):
        html = value._repr_html_()
        ElementTree.fromstring(f"<body>{html.replace('<br>', '')}</body>")  # well formed
        assert "<table>" in html or "<svg" in html
    assert "<td>embed</td>" in space._repr_html_()
