"""The draws by which a space is measured keep its law and its bounds, and leave no choice to few of them."""

from pathlib import Path

import pytest

from spacelang.check import compile_text
from spacelang.lower.chain import Window, cost, inside
from spacelang.lower.draw import draw, stream
from spacelang.lower.lowered import lower
from spacelang.recipe import Refine, Steps
from spacelang.refinement.sample import drawn
from spacelang.refinement.subspace import subspaces
from spacelang.source import Source

ROOT = Path(__file__).resolve().parents[2]
SPACE = compile_text(Source("digits.space", (ROOT / "tests" / "spaces" / "digits.space").read_text())).space
assert SPACE is not None
LOWERED = lower(SPACE)
PARTS, LEFT = subspaces(SPACE, Steps())
BOUNDS = {"flops": Window(0, 120_000)}
RECIPE = Refine(samples=200, top=10, per_choice=40)
SAMPLES = drawn(LOWERED, RECIPE, BOUNDS, PARTS)


def test_the_first_draws_are_those_of_the_law_of_random_inside_the_bounds() -> None:
    law = draw(LOWERED.chain, 200, stream(0), bounds=BOUNDS)
    first = [sample.architecture for sample in SAMPLES if sample.given is None]
    assert first == [LOWERED.architecture(genotype) for genotype in law]


def test_every_draw_is_a_network_of_the_space_inside_the_bounds_with_its_costs() -> None:
    for sample in SAMPLES:
        genotype = LOWERED.genotype(sample.architecture)
        assert inside(LOWERED.chain, genotype, BOUNDS)
        assert (sample.flops, sample.params) == cost(LOWERED.chain, genotype)


def test_every_choice_that_the_bounds_allow_is_judged_by_enough_networks() -> None:
    rare = 0
    for part in PARTS:
        for place, option in enumerate(part.options):
            own = [
                part.shares(s.architecture)[place]
                for s in SAMPLES
                if s.given is None or (s.given.stage, s.given.dimension) == (part.stage, part.dimension)
            ]
            assert sum(own) >= 40 - 1e-6, f"{part.name} of {option}"
            rare += any(s.given and s.given.option == option for s in SAMPLES)
    assert rare, "some were rare among the first"


def test_a_draw_for_a_choice_has_it_in_all_layers() -> None:
    named = {(part.stage, part.dimension): part for part in PARTS}
    for sample in SAMPLES:
        if sample.given:
            part = named[sample.given.stage, sample.given.dimension]
            assert part.shares(sample.architecture)[part.options.index(sample.given.option)] == 1.0


def test_what_the_bounds_do_not_allow_is_not_drawn() -> None:
    tight = {"flops": Window(0, 30_000)}
    samples = drawn(LOWERED, RECIPE, tight, PARTS)
    widest = next(part for part in PARTS if part.name == "stage 2 embed")
    assert len(samples) >= 200
    assert not any(widest.shares(sample.architecture)[-1] for sample in samples)
    assert drawn(LOWERED, RECIPE, {"flops": Window(0, 1000)}, PARTS) == ()


def test_the_same_seed_gives_the_same_draws() -> None:
    assert drawn(LOWERED, RECIPE, BOUNDS, PARTS) == SAMPLES


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("window in {2, global}", "`global` is no number"),
        ("window in {4, 8}", "several windows are its whole 4×4 map"),
        ("window in {2}", "2 is its one option"),
    ],
)
def test_what_has_no_slope_is_left_and_said(line: str, reason: str) -> None:
    text = (ROOT / "tests" / "spaces" / "digits.space").read_text().replace("window in {2, 4}", line)
    space = compile_text(Source("x.space", text)).space
    assert space is not None
    parts, left = subspaces(space, Steps())
    assert (1, "window") not in {(part.stage, part.dimension) for part in parts}
    assert [(one.stage, one.dimension, one.reason) for one in left] == [(1, "window", reason)]
