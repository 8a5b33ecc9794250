"""The loop on landscapes whose best values are known: it finds them, and leaves alone what does not matter; also
where networks learn at unequal speeds."""

import os
from collections.abc import Callable

import pytest
from attrs import frozen

from spacelang.recipe import Refine
from spacelang.refinement.loop import RefinementRule

from .landscape import SPACE, Landscape, landscape, loop, middles, options, parts_of, uneven

RECIPE = Refine(samples=300, top=15, per_choice=30)
ROUNDS = 6  # the best values lie up to three steps away, a move goes two at most, and some are taken back
LANDSCAPES = int(os.environ.get("SPACELANG_LANDSCAPES", "2"))  # of each kind; 20 take two minutes


@frozen
class End:
    """How a loop ended on a landscape. far: how far the options' middle is from the best value of each dimension
    that matters, in steps. stayed: of each other dimension, whether its options are the first ones."""

    far: tuple[float, ...]
    stayed: tuple[bool, ...]

    @property
    def reached(self) -> bool:
        """Whether all that matters is at its best or one step beside it: the best is among the options."""
        return max(self.far) <= 1


def ended(land: Landscape, rule: RefinementRule, seed: int) -> End:
    text = loop(land, RECIPE, ROUNDS, rule, seed).answer.candidate.source.text
    steps = {(part.stage, part.dimension): float(part.step) for part in parts_of(SPACE)}
    ends, first, last = middles(text), options(SPACE), options(text)
    far = tuple(abs(float(ends[place]) - best) / steps[place] for place, best in land.best.items())
    return End(far, tuple(last[place] == first[place] for place in first if place not in land.best))


def ends(make: Callable[[int], Landscape], rule: RefinementRule, count: int = LANDSCAPES) -> list[End]:
    return [ended(make(number), rule, number) for number in range(count)]


CASES: dict[str, tuple[Callable[[int], Landscape], RefinementRule]] = {
    "as trained, where all has been learned": (landscape, "guarded"),
    "as expected, where all has been learned": (landscape, "extrapolated"),
    "as expected, at unequal speeds": (uneven, "extrapolated"),
}


@pytest.fixture(scope="module", params=CASES.values(), ids=CASES)
def outcomes(request: pytest.FixtureRequest) -> list[End]:
    return ends(*request.param)


def test_the_loop_reaches_the_neighbourhood_of_the_best(outcomes: list[End]) -> None:
    assert sum(end.reached for end in outcomes) >= 0.95 * len(outcomes)


def test_what_does_not_matter_stays(outcomes: list[End]) -> None:
    stayed = [one for end in outcomes for one in end.stayed]
    assert sum(stayed) >= 0.9 * len(stayed)


def test_a_rule_that_mistakes_speed_for_quality_fails_where_speeds_are_unequal() -> None:
    """The source's rule makes the space small, which learns fast: it moves what does not matter, and leaves the
    best."""
    found = ends(uneven, "paper", 2)
    assert not any(end.reached for end in found)
    assert sum(sum(end.stayed) for end in found) <= 0.6 * sum(len(end.stayed) for end in found)
