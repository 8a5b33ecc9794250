"""The loop: a space that is worse is taken back, what was wrong is narrowed down, and it ends with the best."""

from attrs import evolve

from spacelang.recipe import Refine
from spacelang.refinement.account import Account
from spacelang.refinement.loop import (
    NOTHING,
    REFUSED,
    SPENT,
    CandidateSpace,
    Finding,
    Outcome,
    RefinementRule,
    refined,
)
from spacelang.refinement.next import next_space
from spacelang.refinement.paired import Profile, Scale
from spacelang.refinement.rewrite import Place
from spacelang.refinement.slope import Interval, Quality, Slope
from spacelang.refinement.subspace import subspaces
from spacelang.source import Source

from .landscape import SPACE, compiled, options

FIRST = CandidateSpace(1, "land", Source("land.space", SPACE))
WIDTH, DEPTH, MLP = (1, "embed"), (2, "depth"), (3, "mlp")


def told(error: float, spread: float = 0.0) -> Profile:
    """The profile of a space whose every image has that error."""
    scale = Scale((error,) * 10, spread)
    return Profile(scale, scale, 1.0, 1.0)


def judge(errors: dict[frozenset[Place], float], asked: dict[Place, float], spread: float = 0.0):
    """A judge to whom the slopes of every space are these, in shares a step, and the error of a space depends on
    which dimensions are not where the first space has them."""

    def judged(candidate: CandidateSpace) -> Finding:
        text = candidate.source.text
        first, now = options(SPACE), options(text)
        moved = frozenset(place for place in first if now[place] != first[place])
        slopes = []
        for part in subspaces(compiled(text), Refine().steps)[0]:
            place = part.stage, part.dimension
            value = asked.get(place, 0.0) if place not in moved else 0.0
            either = abs(value) / 2
            slopes.append(Slope(part, (), Interval(value, value - either, value + either), 0.0, 0.3))
        following = next_space(candidate.source, Refine(), slopes)
        exact = Interval(errors[moved], errors[moved], errors[moved])
        account = Account(
            space=candidate.name,
            run="",
            step=0,
            images=10,
            bounds=(),
            threshold=Refine().threshold,
            confidence=Refine().confidence,
            scored=0,
            quality=Quality(exact, exact, exact),
            errors=(errors[moved],),
            moves=following.moves,
            left=(),
            next=None,
        )
        return Finding(account, told(errors[moved], spread))

    return judged


def went(outcome: Outcome) -> list[tuple[str, bool]]:
    """What was moved in each trial, and whether it was kept."""
    return [
        (" ".join(sorted(f"{m.slope.part.stage}.{m.slope.part.dimension}" for m in one.candidate.moves)), one.kept)
        for one in outcome.trials[1:]
    ]


def loop(
    errors: dict[frozenset[Place], float],
    asked: dict[Place, float],
    rule: RefinementRule = "guarded",
    rounds: int = 9,
    spread=0.0,
) -> Outcome:
    return refined(FIRST, Refine(), rounds, rule, judge(errors, asked, spread))


def test_a_move_that_pays_is_kept_and_the_loop_ends_where_nothing_moves() -> None:
    errors = {frozenset(): 0.10, frozenset({WIDTH}): 0.08}
    outcome = loop(errors, {WIDTH: -0.003})
    assert went(outcome) == [("1.embed", True)]
    assert (outcome.answer.candidate.name, outcome.reason, outcome.refusals) == ("land_2", NOTHING, 0)


def test_a_move_that_makes_the_space_worse_is_taken_back() -> None:
    errors = {frozenset(): 0.10, frozenset({WIDTH}): 0.103}
    outcome = loop(errors, {WIDTH: -0.003})
    assert went(outcome) == [("1.embed", False)]
    assert (outcome.best, outcome.reason, outcome.refusals, outcome.held) == (1, REFUSED, 1, (WIDTH,))


def test_worse_by_no_more_than_a_fifth_of_a_point_is_kept_where_that_is_sure() -> None:
    errors = {frozenset(): 0.10, frozenset({WIDTH}): 0.1019}
    assert loop(errors, {WIDTH: -0.003}).refusals == 0
    assert loop(errors, {WIDTH: -0.003}, spread=0.001).refusals == 1


def test_the_papers_rule_makes_every_move() -> None:
    errors = {frozenset(): 0.10, frozenset({WIDTH}): 0.5}
    outcome = loop(errors, {WIDTH: -0.003}, "paper")
    assert (went(outcome), outcome.best) == ([("1.embed", True)], 2)


def test_what_is_refused_together_is_tried_in_halves_the_most_promising_first() -> None:
    errors = {
        frozenset(): 0.10,
        frozenset({WIDTH, DEPTH, MLP}): 0.12,
        frozenset({WIDTH, DEPTH}): 0.11,
        frozenset({WIDTH}): 0.13,
        frozenset({DEPTH}): 0.08,
        frozenset({DEPTH, MLP}): 0.09,
    }
    outcome = loop(errors, {WIDTH: -0.0039, DEPTH: -0.003, MLP: -0.0021})
    assert went(outcome) == [
        ("1.embed 2.depth 3.mlp", False),
        ("1.embed 2.depth", False),
        ("1.embed", False),
        ("2.depth", True),
        ("3.mlp", False),  # from the space that was kept; the width is held
    ]
    assert outcome.held == (WIDTH, MLP)
    assert [trial.candidate.parent for trial in outcome.trials] == [None, 1, 1, 1, 1, 5]
    names = [trial.candidate.source.name for trial in outcome.trials]
    assert names == ["land.space", *(f"land_{number}.space" for number in range(2, 7))]
    assert (outcome.answer.candidate.name, outcome.reason) == ("land_5", REFUSED)


def test_no_more_spaces_are_tried_than_were_asked_for() -> None:
    errors = {frozenset(): 0.10, frozenset({WIDTH, DEPTH}): 0.12, frozenset({WIDTH}): 0.13}
    outcome = loop(errors, {WIDTH: -0.0039, DEPTH: -0.003}, rounds=2)
    assert (len(outcome.trials), outcome.best, outcome.reason) == (3, 1, SPENT)


def test_a_dimension_that_was_held_says_so() -> None:
    errors = {
        frozenset(): 0.10,
        frozenset({WIDTH, DEPTH}): 0.12,
        frozenset({WIDTH}): 0.13,
        frozenset({DEPTH}): 0.05,
    }
    outcome = loop(errors, {WIDTH: -0.0039, DEPTH: -0.003})
    assert went(outcome)[-1] == ("2.depth", True)
    text = outcome.answer.candidate.source.text
    assert text.count("# refine land:") == 1
    assert evolve(outcome, trials=()).refusals == 0
