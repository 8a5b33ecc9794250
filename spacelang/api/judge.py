"""How good the space of a run is, and where its options should go: measured, and the next space written as a
text."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import cached_property
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
from attrs import define

from spacelang.amount import counted
from spacelang.api.feasible import feasible, idle
from spacelang.api.load import parse
from spacelang.api.measures import Amount, priced
from spacelang.api.panel import judged, keep, panel, told_of
from spacelang.api.recipe import Settings, refine_recipe
from spacelang.api.space import Space
from spacelang.check.bounds import joined, standing
from spacelang.lower.untrained import untrained
from spacelang.recipe import Refine, Score
from spacelang.source import Source
from spacelang_runtime.failure import Failure

if TYPE_CHECKING:
    from spacelang.lower.lowered import Lowered
    from spacelang.refinement.account import Account
    from spacelang.refinement.next import Next
    from spacelang_runtime.app.scoring_setup import ScoringSetup
    from spacelang_runtime.engine.run import RunFolder

Say = Callable[[str], None]
PREVIEW = {"samples": 24, "top": 2, "per_choice": 3}
FEW = 200  # held-out images: a share of fewer is sure to no better than some points


@define(frozen=True, slots=False, repr=False)
class Judged:
    """A judgement of the space of a run.

    account: all figures, as they are kept: the E-T error with its intervals, the slope of each subspace, the moves.
    following: the next space, as a text. loss: mean cross-entropy of the networks drawn, None where it was not
    kept. scored: of these, how many were scored now, in so many seconds.
    """

    account: Account
    following: Next
    loss: float | None
    scored: int
    seconds: float

    @property
    def error(self) -> float:
        """The E-T error as a share (Chen et al., 2021): half the mean error, and half that of the best share."""
        return float(self.account.quality.error.value)

    @property
    def moves(self) -> bool:
        """Whether anything moves."""
        return self.following.text is not None

    @cached_property
    def next(self) -> Space:
        """The next space. Raises `Failure` where nothing moves."""
        if self.following.text is None:
            raise Failure("nothing moves: the space stays as it is", "ask for `judged.moves` first")
        return parse(self.following.text, f"{self.following.name}.space")

    def write(self, path: str | os.PathLike[str]) -> Path:
        """Write the text of the next space. Raises `Failure` where the file says something else, or nothing
        moves."""
        from spacelang_runtime.atomic import replace

        path, text = Path(path), self.following.text
        if text is None:
            raise Failure("nothing moves: there is no next space to write", "ask for `judged.moves` first")
        if path.exists() and path.read_bytes() != text.encode():
            raise Failure(
                f"{path} is there already, and is not what follows from this judgement",
                "move it away, or write the next space elsewhere",
            )
        replace(path, lambda file: file.write(text.encode()))
        return path

    def records(self) -> list[dict[str, Any]]:
        """A row for each subspace that has a slope: stage, dimension, options, slope as a share of error a step,
        steps taken, what the options become, and why they stay."""
        from spacelang.refinement.evidence import options

        return [
            {
                "stage": move.slope.part.stage,
                "dimension": move.slope.part.dimension,
                "options": options(move.before),
                "slope": float(move.slope.slope.value),
                "steps": move.taken,
                "become": options(move.after),
                "reason": move.reason,
            }
            for move in self.account.moves
        ]

    def to_json(self) -> dict[str, Any]:
        """The account as plain JSON values, as `spacelang judge --json` prints it."""
        from spacelang.refinement.account import to_record

        return to_record(self.account)

    def __repr__(self) -> str:
        moved = sum(1 for move in self.account.moves if move.taken)
        return f"<{self.account.space} of {self.account.run}: E-T error {self.error:.2%}, {moved} dimensions move>"

    def _repr_html_(self) -> str:
        from spacelang.html import of_records

        return of_records(repr(self)[1:-1], self.records())


def recipe_of(
    whole: Lowered,
    preview: bool,
    settings: Settings | None,
    given: Mapping[str, Amount | None],
    score: Score | None = None,
    say: Say = lambda _: None,
) -> Refine:
    """A space's `refine` recipe with what a call changes, and with the bounds that hold: its own, or those of the
    search; one that is given replaces that on the same measure. score: instead of the recipe's; None: that.

    Raises `NotAnOption` for a line that no recipe has, and `Failure` for bounds that no network meets.
    """
    space = whole.space
    recipe = space.refine
    if preview:
        recipe = attrs.evolve(recipe, **{name: min(most, getattr(recipe, name)) for name, most in PREVIEW.items()})
    recipe = refine_recipe(recipe, settings)
    recipe = attrs.evolve(recipe, score=score or recipe.score)
    lowered, measures = priced(whole, ())
    stated = measures.bounds(lowered.chain, given)
    kept = standing(recipe.bounds or space.evolve.bounds, stated)
    for bound in kept:
        if bound.of_a_table:
            say(f"{bound} of `evolve` does not bound what is drawn here: a table is of one space, and spaces move")
    kept = [bound for bound in kept if not bound.of_a_table]
    recipe = attrs.evolve(recipe, bounds=joined([*kept, *stated]))
    feasible(lowered, recipe.bounds, measures)
    for line in idle(lowered, recipe.bounds, measures):
        say(line)
    for line in untrained(space.train.bounds, recipe.bounds, lowered.chain):
        say(line)
    return recipe


def judge(where: ScoringSetup, source: Source, recipe: Refine, watching: Any) -> Judged:
    """Measure the space of a run, and find the next one. source: the text of the space. watching: what watches the
    `Progress` of the measurement, given the run.

    Every score is kept as it comes: a judgement that was stopped goes on when it is asked for again.
    """
    from spacelang_runtime.refine.measure import measure

    run = where.run
    by = panel(where.lowered, recipe)
    with watching(run) as watch:
        found = measure(run, by.samples, by.account, where.dispatch, where.step, watch, recipe.score)
    told = told_of(found)
    account, following = judged(run, by, source, told)
    keep(run, account, found.number)
    loss = float(told.losses.mean())
    return Judged(account, following, None if isnan(loss) else loss, found.scored, found.seconds)


def warn_of_few(images: int, run: RunFolder, say: Say) -> None:
    """Say so where a space is to be moved by few held-out images; of a preview, all is said."""
    if images < FEW and not run.record.preview:
        say(
            f"warning: {counted(images, 'held-out image')} are few to move a space by, and no interval knows it: "
            f"they speak of the networks drawn. Have {FEW} or more: a larger holdout in the train block, more data"
        )


def source_of(run: RunFolder) -> Source:
    """The text of a run's space, under the name of the file that it came from while that says the same."""
    for word in run.record.command:
        path = Path(word)
        if path.suffix == ".space" and path.is_file() and path.read_text(encoding="utf-8") == run.source:
            return Source(str(path), run.source)
    return Source(str(run.folder / "source.space"), run.source)
