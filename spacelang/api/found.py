"""What a search by one's own score has found."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define, frozen

from spacelang.amount import counted
from spacelang.api.architecture import Architecture
from spacelang.api.goals import Direction, GoalValues, Point, point
from spacelang_runtime.failure import Failure

if TYPE_CHECKING:
    from spacelang.canvas import Canvas


@frozen
class Scored:
    """A network with its answer.

    score: one number a goal; None: it failed. operator: `draw`, `crossover`, `mutation` or the `predictor` made it,
    or it was `told` without having been asked. parents: lines. costs: by measure, in the units of the tables.
    """

    architecture: Architecture
    score: GoalValues | None
    generation: int | None
    operator: str
    parents: tuple[str, ...]
    costs: Mapping[str, int | float]


@define(frozen=True, slots=False, repr=False)
class Found:
    """All answers of a search, in the order told. space: the name of the space."""

    space: str
    directions: tuple[Direction, ...]
    scored: tuple[Scored, ...]

    @cached_property
    def ranked(self) -> tuple[Scored, ...]:
        """Those with a score, the best first by the first goal (then by the next, by fewer MACs, by digest)."""
        full = [(one, point(one.score, self.directions)) for one in self.scored if one.score is not None]
        full.sort(key=lambda each: (each[1], each[0].costs["flops"], each[0].architecture.digest))
        return tuple(one for one, _ in full)

    @property
    def best(self) -> Architecture:
        """The best network by the first goal. Raises `Failure` where none has a score."""
        return self._first.architecture

    @property
    def score(self) -> float | GoalValues:
        """The score of the best network."""
        values = self._first.score
        assert values is not None
        return values[0] if len(values) == 1 else values

    @property
    def _first(self) -> Scored:
        if not self.ranked:
            raise Failure("no network has a score yet", "tell one: searcher.tell(architecture, score)")
        return self.ranked[0]

    @cached_property
    def front(self) -> tuple[Scored, ...]:
        """What no other beats in all goals, the best by the first goal first."""
        from spacelang_runtime.search.pareto import front

        return tuple(self.ranked[i] for i in front([self._point(one) for one in self.ranked]))

    def records(self) -> list[dict[str, Any]]:
        """A row for each answer, in the order told: name, line, score (or `score 1`, `score 2`), costs, origin."""
        goals = max((len(one.score) for one in self.scored if one.score is not None), default=1)
        return [
            {"name": one.architecture.name, "line": one.architecture.line}
            | _scores(one.score, goals)
            | dict(one.costs)
            | {"generation": one.generation, "operator": one.operator}
            for one in self.scored
        ]

    def canvas(self) -> Canvas:
        """One goal: each score in the order told, and the best so far; several: the first two, with their front."""
        from spacelang.api.scatter import by_goals, by_order

        scores = [one.score for one in self.scored if one.score is not None]
        if not scores or len(scores[0]) == 1:
            return by_order(self.space, [values[0] for values in scores], self.directions[0])
        return by_goals(self.space, scores, [one.score for one in self.front if one.score is not None])

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Write the canvas as a picture; the suffix, .svg or .png, says in which format."""
        from spacelang.canvas import save

        try:
            save(self.canvas(), Path(path))
        except ValueError as reason:
            raise Failure(str(reason)) from None

    def _point(self, one: Scored) -> Point:
        assert one.score is not None
        return point(one.score, self.directions)

    def __repr__(self) -> str:
        values = self._first.score if self.ranked else None
        best = f", best {', '.join(f'{value:g}' for value in values)} by {self.best.name}" if values else ""
        return f"<{counted(len(self.scored), 'network')} of {self.space} scored{best}>"

    def _repr_html_(self) -> str:
        from spacelang.canvas import svg
        from spacelang.html import of_records

        shown = self.front if self.ranked and len(self.ranked[0].score or ()) > 1 else self.ranked[:10]
        rows = Found(self.space, self.directions, tuple(shown)).records()
        return svg(self.canvas()) + of_records(repr(self)[1:-1], rows)


def _scores(values: GoalValues | None, goals: int) -> dict[str, float | None]:
    names = ["score"] if goals == 1 else [f"score {number}" for number in range(1, goals + 1)]
    return dict(zip(names, values or (None,) * goals, strict=True))
