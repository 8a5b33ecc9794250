"""The loop: judge a space, move it, judge the next one; and never end with a worse space than was seen.

What trains and judges is given to it, as a function from a candidate to what was found. The loop itself is a pure
function of these answers, so that it goes on anywhere, and is the same in every process.

**Never worse** (every rule but `paper`). The first candidate from a space is all that its slopes ask for. It is
kept where the paired interval of its E-T error less that of the space before does not reach beyond `MARGIN`. Else
it is taken back. Of several dimensions moved at once, it is then not known which were wrong: the half that
promises most (slope × steps) is tried by itself, then the other half, and so on. A dimension that was refused
alone is held until the end. A candidate that is kept is where everything begins anew, with its own slopes.

**Rules.** `paper`: the source's (Chen et al., 2021, §2.3): every move is made, and the last space is the answer.
`guarded`, the default: never worse. `extrapolated`: never worse, and slopes and E-T errors are those expected once
all is learned (`curve`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, get_args

from attrs import evolve, frozen

from spacelang.check.lineage import Loader, nothing
from spacelang.recipe import Refine
from spacelang.refinement.account import Account
from spacelang.refinement.move import Move
from spacelang.refinement.next import Next, next_space
from spacelang.refinement.paired import MARGIN, Profile, difference
from spacelang.refinement.rewrite import Place, next_name
from spacelang.refinement.slope import Interval
from spacelang.source import Source

RefinementRule = Literal["paper", "guarded", "extrapolated"]
RULES: tuple[RefinementRule, ...] = get_args(RefinementRule)

SPENT = "as many spaces were tried as were asked for"
NOTHING = "no slope asks for a move that can be made"
REFUSED = "every move that its slopes ask for was tried and taken back"


@frozen
class CandidateSpace:
    """A space to be trained and judged. number: from 1, in the order tried. parent: the number of the space that it
    was moved from; None of the first. moves: that make it of that one."""

    number: int
    name: str
    source: Source
    parent: int | None = None
    moves: tuple[Move, ...] = ()


@frozen
class Finding:
    """What was found of a space. account: with the moves that its slopes ask for."""

    account: Account
    profile: Profile


@frozen
class Trial:
    """A candidate, what was found of it, and whether it was kept. difference: its E-T error less that of the space
    that it was moved from; None of the first."""

    candidate: CandidateSpace
    finding: Finding
    difference: Interval | None
    kept: bool


@frozen
class Outcome:
    """How a refinement ended, or how far it is. best: the number of the space that it ends with. reason: why it
    ends; empty while it goes on. held: the dimensions that were refused alone."""

    trials: tuple[Trial, ...]
    best: int
    reason: str = ""
    held: tuple[Place, ...] = ()

    @property
    def answer(self) -> Trial:
        """The space that it ends with."""
        return self.trials[self.best - 1]

    @property
    def refusals(self) -> int:
        """How many candidates were taken back."""
        return sum(not trial.kept for trial in self.trials)


def refined(
    first: CandidateSpace,
    recipe: Refine,
    rounds: int,
    rule: RefinementRule,
    judge: Callable[[CandidateSpace], Finding],
    load: Loader = nothing,
    observe: Callable[[Outcome], None] = lambda _: None,
) -> Outcome:
    """Search spaces from the first on. rounds: how many next ones are tried at most. observe: told of each
    trial."""
    now = Outcome((Trial(first, judge(first), None, True),), 1)
    observe(now)
    waiting: list[tuple[Place, ...]] | None = None  # groups to be tried from the best; None: not yet said
    while True:
        best = now.answer
        following: Next | None = None
        group: tuple[Place, ...] = ()
        waiting = [_asked(best, now.held)] if waiting is None else waiting
        while waiting and following is None:
            group = waiting.pop()
            made = _moved(now, group, recipe, load) if group else None
            following = made if made is not None and made.text is not None else None
        if following is None:
            return evolve(now, reason=REFUSED if len(now.trials) > best.candidate.number else NOTHING)
        if len(now.trials) > rounds:
            return evolve(now, reason=SPENT)
        trial = _tried(now, following, rule, recipe, judge)
        trials = (*now.trials, trial)
        if trial.kept:
            now, waiting = evolve(now, trials=trials, best=trial.candidate.number), None
        else:
            alone = [place for place in group if place in _places(trial.candidate.moves)]
            held = (*now.held, *alone) if len(alone) == 1 else now.held
            now = evolve(now, trials=trials, held=held)
            waiting += _halves(best, alone) if len(alone) > 1 else []
        observe(now)


def _tried(
    now: Outcome, following: Next, rule: RefinementRule, recipe: Refine, judge: Callable[[CandidateSpace], Finding]
) -> Trial:
    """The next candidate, trained and judged."""
    best, last = now.answer, now.trials[-1].candidate
    assert following.text is not None
    path = Path(best.candidate.source.name)
    source = Source(str(path.with_name(f"{next_name(Path(last.source.name).stem)}.space")), following.text)
    moves = tuple(move for move in following.moves if move.taken)
    candidate = CandidateSpace(len(now.trials) + 1, following.name, source, best.candidate.number, moves)
    finding = judge(candidate)
    apart = difference(best.finding.profile, finding.profile, recipe.score)
    return Trial(candidate, finding, apart, rule == "paper" or apart.high <= MARGIN)


def _moved(now: Outcome, group: Sequence[Place], recipe: Refine, load: Loader) -> Next:
    """What follows from the best where a group of its dimensions alone moves."""
    best = now.answer
    slopes = [move.slope for move in best.finding.account.moves]
    still: Mapping[Place, str] = {
        place: "it was taken back" if place in now.held else "it is tried by itself"
        for slope in slopes
        if (place := (slope.part.stage, slope.part.dimension)) not in group
    }
    name = next_name(now.trials[-1].candidate.name)
    return next_space(best.candidate.source, recipe, slopes, load, still, name)


def _asked(best: Trial, held: Sequence[Place]) -> tuple[Place, ...]:
    """All that the slopes of a space ask for and that is not held."""
    asked = [move for move in best.finding.account.moves if move.asked]
    return tuple(place for place in _places(asked) if place not in held)


def _halves(best: Trial, places: Sequence[Place]) -> list[tuple[Place, ...]]:
    """What was refused together, in two: the half that promises most last, for that is tried first."""
    promise = {
        (move.slope.part.stage, move.slope.part.dimension): abs(move.slope.slope.value * move.asked)
        for move in best.finding.account.moves
    }
    order = sorted(places, key=lambda place: (-promise[place], place))
    middle = (len(order) + 1) // 2
    return [tuple(order[middle:]), tuple(order[:middle])]


def _places(moves: Sequence[Move]) -> list[Place]:
    return [(move.slope.part.stage, move.slope.part.dimension) for move in moves]
