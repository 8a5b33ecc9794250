"""The loop on landscapes whose best values are known: it finds them, and leaves alone what does not matter."""

import pytest

from spacelang.recipe import Refine

from .landscape import SPACE, landscape, middles, one_round, options, parts_of

RECIPE = Refine(samples=500, top=25, per_choice=50)
ROUNDS = 3  # the best values lie up to three steps away, and a round moves three options by two at most
LANDSCAPES = 20


@pytest.fixture(scope="module")
def outcomes() -> list[tuple[dict, dict]]:
    """Of each landscape: how far the options' middle ends from the best value, in steps; and whether what does not
    matter stayed as it was."""
    found = []
    for number in range(LANDSCAPES):
        land, text = landscape(number), SPACE
        for round_ in range(ROUNDS):
            following, _ = one_round(text, land, RECIPE, 1000 * number + round_)
            if following.text is None:
                break
            text = following.text
        steps = {(part.stage, part.dimension): float(part.step) for part in parts_of(SPACE)}
        ends, first, last = middles(text), options(SPACE), options(text)
        far = {place: abs(float(ends[place]) - best) / steps[place] for place, best in land.best.items()}
        stayed = {place: last[place] == first[place] for place in first if place not in land.best}
        found.append((far, stayed))
    return found


def test_the_loop_reaches_the_neighbourhood_of_the_best(outcomes: list[tuple[dict, dict]]) -> None:
    """The middle of the options ends at the best value or one step beside it: it is among them."""
    far = [steps for found, _ in outcomes for steps in found.values()]
    assert max(far) <= 1


def test_what_does_not_matter_stays(outcomes: list[tuple[dict, dict]]) -> None:
    stayed = [stays for _, found in outcomes for stays in found.values()]
    assert sum(stayed) >= 0.95 * len(stayed)
