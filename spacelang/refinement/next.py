"""The next space: the old text with the moves that the checker lets pass.

Moves are tried one by one, the steepest slope first, each with as many steps as it asks for and then with
fewer. One passes where the text compiles and says nothing new: no option that no network can take, no windows
that are the same or do not divide their map. What was kept back is tried again after the others
have moved, and together with another move of its stage: heads and qkv may only agree again once both have moved.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import chain, combinations

from attrs import evolve, frozen

from spacelang.amount import short
from spacelang.check import Checked, compile_text
from spacelang.check.lineage import Loader, nothing
from spacelang.diagnostics import errors
from spacelang.lower.bounds import windows
from spacelang.lower.lowered import lower
from spacelang.recipe import Refine
from spacelang.refinement.evidence import evidence
from spacelang.refinement.move import Move, asked, moved
from spacelang.refinement.rewrite import Changed, Place, next_name, rewritten
from spacelang.refinement.slope import Slope
from spacelang.source import Source

_TELLING = ("W0501", "W0502", "W0503")
LEAST = 2  # options that a dimension keeps: one alone would never have a slope again


@frozen
class Next:
    """The next space. text: None where nothing moved. moves: of every slope, in their order."""

    name: str
    text: str | None
    moves: tuple[Move, ...]


def next_space(
    source: Source,
    recipe: Refine,
    slopes: Sequence[Slope],
    load: Loader = nothing,
    still: Mapping[Place, str] | None = None,
    name: str = "",
) -> Next:
    """The space that follows from the slopes of the one in `source`, which compiles. still: dimensions that stay as
    they are, each with the reason. name: of the next space, if not the name that counts on."""
    now = compile_text(source, load)
    assert now.space is not None, "a space that was measured compiles"
    space, name = now.space, name or next_name(now.space.name)
    moves = {(s.part.stage, s.part.dimension): asked(s, recipe) for s in slopes}
    for place, reason in (still or {}).items():
        if place in moves and moves[place].asked:
            moves[place] = evolve(_taken(moves[place], 0), asked=0, reason=reason)
    steep = sorted(moves, key=lambda place: (-abs(moves[place].slope.slope.value), place))
    waiting = [place for place in steep if moves[place].asked]
    kept: dict[Place, str] = {}  # the first reason that each was kept back for
    done: dict[Place, Move] = {}

    def text(taken: Mapping[Place, Move]) -> str:
        changes = {place: Changed(move.after, evidence(move, space.name)) for place, move in taken.items()}
        return rewritten(source, space, changes, name)

    def pass_(group: tuple[Place, ...]) -> bool:
        """Whether some moves pass together, with as many steps as can be."""
        nonlocal now
        for counts in _fewer([moves[place].asked for place in group]):
            tried = {place: _taken(moves[place], count) for place, count in zip(group, counts, strict=True)}
            if any(len(move.after) < min(LEAST, len(move.before)) for move in tried.values()):
                stopped = "fewer than two of its options would stay above 0"
            else:
                made = compile_text(Source(source.name, text(done | tried)), load)
                stopped = _stopped(now, made, recipe)
                if not stopped:
                    now = made
                    for place, move in tried.items():
                        fewer = abs(move.taken) < abs(move.asked)
                        done[place] = evolve(move, reason=kept[place]) if fewer else move
                        waiting.remove(place)
                    return True
            for place in group:
                kept.setdefault(place, stopped)
        return False

    while any(pass_(group) for group in _groups(waiting)):
        pass
    stay = {place: evolve(_taken(moves[place], 0), reason=kept[place]) for place in waiting}
    return Next(name, text(done) if done else None, tuple((moves | stay | done).values()))


def _groups(waiting: Sequence[Place]) -> list[tuple[Place, ...]]:
    """What is tried: each move by itself, then any two of one stage together."""
    pairs = [(one, other) for one, other in combinations(waiting, 2) if one[0] == other[0]]
    return [*((place,) for place in waiting), *pairs]


def _fewer(counts: Sequence[int]) -> list[tuple[int, ...]]:
    """Numbers of steps, and fewer of each in the same directions down to one: of two together, as many of both."""
    most = min(map(abs, counts))
    return [tuple(size if count > 0 else -size for count in counts) for size in range(most, 0, -1)]


def _taken(move: Move, count: int) -> Move:
    after = moved(move.slope, count) if count else move.before
    dropped = len(move.before) - len(after)
    reason = f"{dropped} of its options would not be above 0" if dropped else move.reason
    return evolve(move, taken=count, after=after, reason=reason)


def _stopped(before: Checked, after: Checked, recipe: Refine) -> str:
    """What keeps a text from being the next space; empty where nothing does."""
    wrong = errors(after.diagnostics)
    if wrong or after.space is None:
        return wrong[0].message
    known = Counter(found.code for found in before.diagnostics)
    for found in after.diagnostics:
        known[found.code] -= 1
        if found.code in _TELLING and known[found.code] < 0:
            told = {one.message for one in before.diagnostics}
            return next(
                (d.message for d in after.diagnostics if d.code == found.code and d.message not in told),
                found.message,
            )
    lowered = lower(after.space)
    scales = {limit.measure: limit.scale for limit in lowered.chain.limits}
    kept = (windows(bounds, lowered.chain) for bounds in (recipe.bounds, after.space.train.bounds))
    for measure, window in chain.from_iterable(bounds.items() for bounds in kept):
        span, scale = lowered.range(measure), scales.get(measure, 1)
        if span.lo > window.hi:
            return f"every network would have more than {short(Fraction(window.hi, scale))} {measure}"
        if span.hi < window.lo:
            return f"every network would have less than {short(Fraction(window.lo, scale))} {measure}"
    if recipe.networks is not None and lowered.count > recipe.networks:
        return f"the space would hold more than {short(recipe.networks)} networks"
    if recipe.supernet is not None and (most := lowered.range("params").hi) > recipe.supernet:
        return f"the largest network would have {short(most)} parameters, of at most {short(recipe.supernet)}"
    return ""
