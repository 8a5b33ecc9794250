"""Measures of one's own: declared by a space, told by a table, bounded like others."""

import json
from pathlib import Path

import pytest

import spacelang as sl
from spacelang.lower.costs import blocks

LINES = "measure energy mJ\nmeasure wait ms\n"


def declaring(space: sl.Space, bound: str) -> sl.Space:
    text = space.source.text.replace("flops <= 400K", bound)
    assert bound in text
    return sl.parse(text + LINES)


def table(folder: Path, space: sl.Space, measure: str, unit: str, step: float) -> Path:
    entries = {key: round(step * (1 + at % 7), 9) for at, key in enumerate(blocks(space.lowered.legal))}
    path = folder / f"{measure}-{unit}.json"
    path.write_text(json.dumps({"measure": measure, "unit": unit, "entries": entries}))
    return path


def test_a_recipe_bounds_a_declared_measure_in_its_unit(space: sl.Space, tmp_path: Path) -> None:
    free = declaring(space, "energy >= 0")
    path = table(tmp_path, free, "energy", "mJ", 0.1)
    costs = sorted({row["energy"] for row in free.with_costs(path).sample(50).records()})
    middle = costs[len(costs) // 2]
    for relation, keeps in (("<=", lambda cost: cost <= middle), ("<", lambda cost: cost < middle)):
        bound = declaring(space, f"energy {relation} {middle}").with_costs(path)
        found = sl.search(bound, lambda one: one.depth, candidates=20, settings={"population": 10})
        assert all(keeps(row["energy"]) for row in found.records())
        assert found.records()


def test_a_table_in_another_unit_of_time_is_converted(space: sl.Space, tmp_path: Path) -> None:
    bound = declaring(space, "wait <= 900us")
    in_us = bound.with_costs(table(tmp_path, bound, "wait", "us", 100))
    found = sl.search(in_us, lambda one: one.depth, candidates=20, settings={"population": 10})
    assert all(row["wait"] <= 900 for row in found.records())


def test_a_table_in_another_unit_is_refused(space: sl.Space, tmp_path: Path) -> None:
    bound = declaring(space, "energy <= 2")
    with pytest.raises(sl.Failure, match="energy is in J, and the space declares it in mJ") as refused:
        bound.with_costs(table(tmp_path, bound, "energy", "J", 0.1))
    assert "measure energy J" in refused.value.remedy


def test_a_search_without_the_table_asks_for_it_in_one_line(space: sl.Space) -> None:
    with pytest.raises(sl.Failure) as refused:
        sl.Searcher(declaring(space, "energy <= 2.5"))
    assert refused.value.message == (
        "the recipe of small wants energy <= 2.5 mJ, and no table says what networks have"
    )
    assert "with_costs('energy.json')" in refused.value.remedy


@pytest.mark.parametrize(
    ("measure", "said"),
    [("energy", "no table says what networks have of energy, in mJ"), ("enregy", "did you mean energy?")],
)
def test_a_bound_given_for_one_call_says_what_is_missing(space: sl.Space, measure: str, said: str) -> None:
    with pytest.raises(sl.Failure) as refused:
        declaring(space, "energy <= 2.5").count(bounds={measure: 2})
    assert said in refused.value.message


def test_what_a_space_declares_changes_none_of_its_networks(space: sl.Space) -> None:
    declared = sl.parse(space.source.text + LINES)
    assert declared.count() == space.count()
    assert [one.line for one in declared.sample(5)] == [one.line for one in space.sample(5)]
    assert sl.Space.from_json(declared.to_json()) == declared
    assert declared.to_json() != space.to_json()
