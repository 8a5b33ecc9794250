"""What changed between two spaces: nothing of a space and itself, and of two the same seen from both ends."""

import json
import re
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from spacelang.check import compile_text
from spacelang.cli.commands import app
from spacelang.diff import Options, RecipeLine, SettingDifference, change, diff
from spacelang.lower.lowered import lower
from spacelang.source import Source
from spacelang.space import Space
from tests.language.test_lineage import WIDE, spaces

ROOT = Path(__file__).resolve().parents[2]
MIRRORED = {"same": "same", "wider": "narrower", "narrower": "wider", "moved": "moved"} | {
    "incomparable": "incomparable"
}


def compiled(text: str) -> Space | None:
    return compile_text(Source("x.space", text)).space


def space(text: str) -> Space:
    found = compiled(text)
    assert found is not None
    return found


@settings(deadline=None)
@given(spaces(), spaces())
def test_a_difference_seen_from_the_other_end_is_its_mirror(one: str, other: str) -> None:
    before, after = compiled(one), compiled(other)
    if before is None or after is None:
        return
    there, back = diff(before, after), diff(after, before)
    assert back.change == MIRRORED[there.change]
    assert [(o.stage, o.dimension, o.before, MIRRORED[o.change]) for o in there.options] == [
        (o.stage, o.dimension, o.after, o.change) for o in back.options
    ]
    assert back.rules.gone == there.rules.come
    assert back.count == there.count[::-1]
    assert [(r.before, r.after) for r in back.ranges] == [(r.after, r.before) for r in there.ranges]


@settings(deadline=None)
@given(spaces())
def test_between_a_space_and_itself_there_is_no_difference(text: str) -> None:
    one = compiled(text)
    if one is None:
        return
    found = diff(one, one)
    assert found.change == "same"
    assert found.settings == found.options == found.lines == found.rules.gone == found.rules.come == ()


options = st.sets(st.integers(1, 6).map(Fraction), min_size=1).map(lambda s: tuple(sorted(s)))


@given(options, options, st.integers(1, 9))
def test_sets_compare_as_sets_do(one: tuple[Fraction, ...], other: tuple[Fraction, ...], step: int) -> None:
    assert change(one, one) == "same"
    assert (change(one, other) == "wider") == (set(one) < set(other))
    assert (change(one, other) == "narrower") == (set(one) > set(other))
    shifted = tuple(value + step for value in one)
    assert change(one, shifted) == "moved"
    assert change((*one, "global"), (*shifted, "global")) == "incomparable"


def test_each_kind_of_change_is_told_as_a_value() -> None:
    after = (
        WIDE.replace("classes = 10", "classes = 20")
        .replace("embed in {32, 48, 64}", "embed in {32, 64}")
        .replace("embed in {64, 96}", "embed in {96, 128}")
        .replace("require each stage: embed >= previous.embed", "require each layer: heads >= 1")
        .replace("epochs = 70", "epochs = 80\nsampling = flops\nrequire flops <= 4M")
        .replace("flops <= 3M", "1M <= flops <= 4M and latency <= 2.5ms")
        .replace("mutate { depth = 0.5 }", "mutate { depth = 0.25 }")
    )
    before = space(WIDE)
    found = diff(before, space(after))
    assert found.change == "incomparable"
    assert found.settings == (SettingDifference("classes", 10, 20),)
    assert found.options == (
        Options(1, "embed", "narrower", (32, 48, 64), (32, 64), (None, None)),
        Options(2, "embed", "moved", (64, 96), (96, 128), (None, None)),
    )
    assert found.rules.gone == ("require each stage: embed >= previous.embed",)
    assert found.rules.come == ("require each layer: heads >= 1",)
    assert found.lines == (
        RecipeLine("train", "sampling", "choices", "flops"),
        RecipeLine("train", "epochs", 70, 80),
        RecipeLine("train", "flops at most", None, 4_000_000),
        RecipeLine("evolve", "mutate depth", Fraction(1, 2), Fraction(1, 4)),
        RecipeLine("evolve", "flops at least", None, 1_000_000),
        RecipeLine("evolve", "flops at most", 3_000_000, 4_000_000),
        RecipeLine("evolve", "latency at most", None, "2.5ms"),
    )
    assert found.count[0] == lower(before).count


def test_another_way_to_say_the_same_is_shown_and_changes_nothing() -> None:
    after = WIDE.replace("heads in {2, 4}", "heads in {2, 4}\nqkv = 16 * heads")
    found = diff(space(WIDE), space(after))
    assert found.change == "same"
    assert found.options == (Options(2, "qkv", "same", (32, 64), (32, 64), ("heads * head_dim", "16 * heads")),)


@pytest.mark.parametrize("flag", [[], ["--json"]])
def test_the_command_tells_what_the_value_holds(flag: list[str]) -> None:
    files = [str(ROOT / "spaces" / name) for name in ("s3.space", "s3_mobile.space")]
    result = CliRunner().invoke(app, ["diff", *files, *flag])
    assert result.exit_code == 0
    if flag:
        record = json.loads(result.stdout)
        assert record["change"] == "narrower"
        assert record["options"][0] == {
            "stage": 1,
            "dimension": "depth",
            "change": "narrower",
            "before": [1, 2, 3],
            "after": [1, 2],
            "formulas": [None, None],
        }
    else:
        assert "s3 → s3_mobile: narrower; every network of s3_mobile is one of s3" in result.stdout
        assert "+ require each layer: mlp <= 3.5" in result.stdout


def test_a_measure_that_comes_goes_or_changes_its_unit_is_a_difference(spacelang, tmp_path: Path) -> None:
    text = (ROOT / "spaces" / "digits.space").read_text(encoding="utf-8")
    (tmp_path / "a.space").write_text(f"{text}measure energy mJ\nmeasure area\n", encoding="utf-8")
    (tmp_path / "b.space").write_text(f"{text}measure energy J\nmeasure wait ms\n", encoding="utf-8")
    said = spacelang("diff", str(tmp_path / "a.space"), str(tmp_path / "b.space")).out
    assert re.search(r"measure area +no unit +not declared", said)
    assert re.search(r"measure energy +mJ +J", said)
    assert re.search(r"measure wait +not declared +ms", said)
