"""The next space: the old text, its comments, and exactly the lines that moved; and what keeps a move back."""

from difflib import ndiff
from pathlib import Path

import pytest

from spacelang.check import compile_text
from spacelang.check.lineage import texts
from spacelang.recipe import Refine
from spacelang.refinement.next import Next, next_space
from spacelang.refinement.rewrite import domain, next_name
from spacelang.refinement.slope import Interval, Slope
from spacelang.refinement.subspace import subspaces
from spacelang.source import Source
from spacelang.syntax.format import formatted

ROOT = Path(__file__).resolve().parents[2]
MINI = (ROOT / "spaces" / "mini.space").read_text(encoding="utf-8")


def following(
    text: str, steep: dict[tuple[int, str], float], recipe: Refine = Refine(), files: dict[str, str] | None = None
) -> Next:
    """What follows when these subspaces have these slopes, in points a step, and all others none."""
    load = texts(files or {})
    space = compile_text(Source("x.space", text), load).space
    assert space is not None
    parts, _ = subspaces(space, recipe.steps)
    slopes = []
    for part in parts:
        value = steep.get((part.stage, part.dimension), 0.0) / 100
        either = abs(value) / 2
        slopes.append(Slope(part, (), Interval(value, value - either, value + either), float(part.options[0]), 0.3))
    return next_space(Source("x.space", text), recipe, slopes, load)


def changed(before: str, after: str | None) -> list[str]:
    assert after is not None
    return [line for line in ndiff(before.splitlines(), after.splitlines()) if line[0] in "+-"]


def why(found: Next, stage: int, dimension: str) -> tuple[int, str]:
    (move,) = [m for m in found.moves if (m.slope.part.stage, m.slope.part.dimension) == (stage, dimension)]
    return move.taken, move.reason


def test_exactly_the_moved_lines_change_and_say_what_they_rest_on() -> None:
    found = following(MINI, {(1, "embed"): 0.42, (3, "depth"): -0.62})
    assert found.name == "mini_2"
    assert changed(MINI, found.text) == [
        "- space mini",
        "+ space mini_2",
        "-   embed in 48..80 step 16",
        "+   embed in 16..48 step 16   # refine mini: slope 0.42 [0.21, 0.63] points a step: "
        "2 steps down from 48..80 step 16",
        "-   depth in 3..8",
        "+   depth in 6..11   # refine mini: slope -0.62 [-0.93, -0.31] points a step: 3 steps up from 3..8",
    ]


def test_the_next_text_is_laid_out_and_compiles_to_the_moved_options() -> None:
    found = following(MINI, {(1, "embed"): 0.42, (4, "mlp"): -0.3})
    assert found.text is not None
    assert formatted(Source("x.space", found.text)).text == found.text
    space = compile_text(Source("x.space", found.text)).space
    assert space is not None
    moved = {(part.stage, part.dimension): part.options for part in subspaces(space, Refine().steps)[0]}
    assert moved[1, "embed"] == (16, 32, 48)
    assert [str(option) for option in moved[4, "mlp"]] == ["7/2", "4", "9/2"]
    assert [str(option) for option in moved[3, "mlp"]] == ["3", "7/2", "4"]


def test_a_line_for_all_stages_stays_where_only_some_move() -> None:
    found = following(MINI, {(4, "mlp"): -0.3, (1, "depth"): -0.3})
    lines = changed(MINI, found.text)
    assert [line[:30].strip() for line in lines if line.startswith("-")] == ["- space mini"]
    assert any(line.startswith("+     mlp    in 3.5..4.5 step 0.5   # refine mini") for line in lines)
    assert any(line.startswith("+   depth in 2..4") for line in lines)


def test_a_line_for_all_stages_changes_where_all_move_alike() -> None:
    found = following(MINI, {(stage, "mlp"): -0.3 for stage in (1, 2, 3, 4)})
    lines = changed(MINI, found.text)
    assert len([line for line in lines if " mlp " in line and line.startswith("-")]) == 1
    evidence = [line for line in lines if line.startswith("+") and "slope -0.30" in line]
    assert len(evidence) == 4, "each stage's evidence stands behind it"


def test_comments_stay_and_those_of_an_earlier_move_give_way() -> None:
    text = MINI.replace("  embed in 48..80 step 16", "  embed in 48..80 step 16  # wide enough")
    first = following(text, {(1, "embed"): -0.3})
    assert first.text is not None
    assert "# wide enough" in first.text
    second = following(first.text, {(1, "embed"): -0.5})
    assert second.name == "mini_3"
    assert second.text is not None
    assert "# wide enough" in second.text
    assert second.text.count("# refine ") == 1
    assert "# refine mini_2: slope -0.50" in second.text
    third = following(first.text, {(2, "embed"): -0.5})
    assert third.text is not None
    assert "# refine mini: slope -0.30" in third.text, "a line that stays keeps what it rests on"


def test_a_set_over_several_lines_keeps_its_comments() -> None:
    text = MINI.replace("embed in 48..80 step 16", "embed in {\n  48,  # narrow\n  64,\n  80,\n}")
    found = following(text, {(1, "embed"): -0.3})
    assert found.text is not None
    assert "embed in {64, 80, 96}" in found.text
    assert "# narrow" in found.text


def test_what_another_file_says_gets_a_nearer_line_in_this_one() -> None:
    text = 'edition 2026\nspace child\nextends "mini.space"\n\nstage 2 {\n  depth = 2\n}\n'
    found = following(text, {(1, "embed"): -0.3, (2, "heads"): -0.3}, files={"mini.space": MINI})
    assert found.text is not None
    assert 'extends "mini.space"' in found.text
    space = compile_text(Source("x.space", found.text), texts({"mini.space": MINI})).space
    assert space is not None
    moved = {(part.stage, part.dimension): part.options for part in subspaces(space, Refine().steps)[0]}
    assert moved[1, "embed"] == (64, 80, 96)
    assert moved[2, "heads"] == (4, 5, 6)


def test_a_space_that_narrows_another_extends_it_once_it_moves() -> None:
    text = 'edition 2026\nspace child\nnarrows "mini.space"\nstage 3 { depth in 3..5 }\n'
    found = following(text, {(3, "depth"): -0.3}, files={"mini.space": MINI})
    assert found.text is not None
    assert 'extends "mini.space"' in found.text
    assert "depth in 4..6" in found.text


def test_nothing_moves_without_slopes() -> None:
    found = following(MINI, {})
    assert found.text is None
    assert {move.reason for move in found.moves} == {"its slope is below the threshold"}


@pytest.mark.parametrize(("before", "after"), [("mini", "mini_2"), ("mini_2", "mini_3"), ("s3_b_19", "s3_b_20")])
def test_names_count_on(before: str, after: str) -> None:
    assert next_name(before) == after


def test_options_are_written_as_ranges_where_they_are_some() -> None:
    assert domain((1, 2, 3), True) == "1..3"
    assert domain((64, 96), True) == "64..96 step 32"
    assert domain((64, 96, 160), True) == "{64, 96, 160}"
    assert domain((7, 14), False) == "{7, 14}"


# What keeps moves back, and what is said of it.


def test_choices_that_fall_to_nothing_are_dropped_but_for_two() -> None:
    found = following(MINI, {(2, "depth"): 0.3, (4, "depth"): 0.3})
    assert why(found, 2, "depth") == (-1, "1 of its options would not be above 0")
    assert why(found, 4, "depth") == (0, "fewer than two of its options would stay above 0")


def test_windows_beyond_the_map_are_kept_back_by_the_checker() -> None:
    found = following(MINI, {(3, "window"): -0.3, (2, "window"): -0.3})
    taken, reason = why(found, 3, "window")
    assert taken == 0
    assert "cover its whole 8×8 map" in reason
    taken, reason = why(found, 2, "window")
    assert taken == 0
    assert "does not divide" in reason or "12" in reason


def test_an_order_of_the_stages_holds() -> None:
    """`embed >= previous.embed` would leave stage 2 options that no network can take."""
    found = following(MINI, {(2, "embed"): 0.5, (1, "embed"): -0.5})
    assert found.text is not None
    result = compile_text(Source("x.space", found.text))
    assert result.diagnostics == ()
    assert any("no network can take" in move.reason for move in found.moves)


AGREE = """edition 2026
space agree
image = 32
patch = 4
classes = 10
stage 1 {
  depth = 2
  embed = 64
  each layer {
    heads in {2, 3, 4}
    qkv in {24, 36, 48}
    window = 4
  }
}
require each layer: qkv == 12 * heads
"""


def test_heads_and_queries_that_must_agree_move_together_or_not_at_all() -> None:
    alone = following(AGREE, {(1, "heads"): -0.3})
    taken, reason = why(alone, 1, "heads")
    assert taken == 0
    assert "no network can take `heads` of 5" in reason
    together = following(AGREE, {(1, "heads"): -0.31, (1, "qkv"): -0.45})
    assert together.text is not None
    kept_back = why(together, 1, "qkv")[1]
    assert (why(together, 1, "heads"), why(together, 1, "qkv")) == ((1, ""), (1, kept_back))
    assert compile_text(Source("x.space", together.text)).diagnostics == ()


def test_a_limit_on_the_supernet_and_on_the_networks_holds() -> None:
    small = following(MINI, {(3, "depth"): -0.7, (4, "embed"): -0.5}, Refine(supernet=21_000_000))
    assert any("the largest network would have" in move.reason for move in small.moves)
    few = following(MINI, {(3, "depth"): -0.7}, Refine(networks=10**12))
    assert "the space would hold more than 1.00T networks" in why(few, 3, "depth")[1]


def test_a_bound_that_nothing_would_meet_holds() -> None:
    text = MINI.replace("require flops <= 450M", "require flops <= 160M")
    found = following(text, {(3, "depth"): -0.7})
    taken, reason = why(found, 3, "depth")
    assert taken == 0
    assert reason.startswith("no network has flops of at most 160M")


def test_a_bound_of_the_training_that_nothing_would_meet_holds_as_well() -> None:
    found = following(MINI.replace("train {", "train {\n  require sum(depth) <= 6"), {(3, "depth"): -0.7})
    assert why(found, 3, "depth") == (0, "every network would have more than 6 sum(depth)")
