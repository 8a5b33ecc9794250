"""A training for networks of one's own budget: what a file would say in lines, by an option."""

from pathlib import Path
from typing import Any

import pytest

import spacelang as sl
from spacelang.api.bounded import bounded, in_words
from spacelang.api.error import NotABound
from spacelang.language.train import Sandwich, Train
from spacelang_runtime.failure import Failure

MINI = (Path(__file__).resolve().parents[2] / "spaces" / "mini.space").read_text(encoding="utf-8")
MIX = "  sandwich      = largest + smallest + 2 * random\n"


def recipe(text: str = MINI, written: tuple[str, ...] = (), **named: str | None) -> Train:
    space = sl.parse(text)
    return bounded(space.lowered, space.checked.train, named, written)


def test_it_is_the_recipe_that_a_file_says_in_lines() -> None:
    lines = "  sandwich = smallest + 3 * random\n  sampling = flops\n  require flops <= 500M\n"
    assert MIX in MINI
    assert recipe(flops="500M") == sl.parse(MINI.replace(MIX, lines)).checked.train


def test_an_end_of_the_space_that_lies_outside_gives_its_place_to_a_random_network() -> None:
    assert recipe(flops="300M..500M").sandwich == Sandwich(0, 0, 4)
    assert recipe(flops="150M..2G").sandwich == Sandwich(1, 1, 2)
    assert recipe(params="3M..5M").sandwich == Sandwich(0, 1, 3)


def test_networks_are_drawn_evenly_over_macs_where_these_are_bounded() -> None:
    assert (recipe(flops="500M").sampling, recipe(params="5M").sampling) == ("flops", "choices")


def test_lines_that_are_written_stay() -> None:
    given = recipe(flops="500M", written=("sandwich", "sampling"))
    assert (given.sandwich, given.sampling) == (Sandwich(1, 1, 2), "choices")


def test_a_bound_takes_the_place_of_the_recipes_own_on_that_measure_alone() -> None:
    text = MINI.replace(MIX, "  sandwich = random\n  require flops <= 900M and params <= 8M\n")
    assert [str(bound) for bound in recipe(text, flops="500M").bounds] == ["flops <= 500M", "params <= 8.00M"]


def test_without_a_bound_nothing_changes() -> None:
    assert recipe(flops=None, params=None) == sl.parse(MINI).checked.train


def test_where_no_network_is_inside_the_least_that_has_one_is_named() -> None:
    with pytest.raises(Failure, match="no network of mini is inside the bounds") as failed:
        recipe(flops="100M")
    assert "156 407 296" in failed.value.remedy
    with pytest.raises(NotABound, match="500M or 500G"):
        recipe(flops="500")


def test_the_command_says_whom_it_trains_for_and_the_run_keeps_it(
    spacelang: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("train", str(Path(__file__).resolve().parents[2] / "spaces" / "digits.space"), "--flops", "50K")
    said = spacelang(*words, "--steps", "2", "--set", "batch=16")
    assert said.code == 0, said.err
    assert "for networks of flops <= 50.0K: random, drawn evenly over MACs" in said.err
    kept = sl.open_run("digits-1").kept.space.train
    assert in_words(kept) in said.err
    assert "          for networks of flops <= 50.0K\n" in spacelang("inspect", "digits-1").out
    refused = spacelang("train", "--resume", "--flops", "60K")
    assert refused.code == 1
    assert "a run goes on inside its own bounds" in refused.err
    empty = spacelang(*words[:2], "--flops", "1K")
    assert empty.code == 1
    assert "no network of digits is inside the bounds" in empty.err
    assert not (tmp_path / "runs" / "digits-2").exists(), "what cannot be trained begins no run"
