"""What a stage may be before its layers: its depth, its embed and all that is chosen once for it.

Comes in: a space in which nothing is chosen once for the network. Goes out: the points of a stage that its rules
and derivations allow behind a cell of the stage before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attrs import field, frozen

from spacelang.evaluation import UndefinedValue, evaluate
from spacelang.expression import Expression, Name, Number, Previous, totals, walk
from spacelang.language.dimensions import NUMBERS, STAGE_DIMENSIONS
from spacelang.lower.layers import Unbuildable, constants, options, span_of, whole
from spacelang.space import Derived, Option, Space, StageSpace, steady, tied


@frozen
class StagePoint:
    """One depth and embed of a stage, with one value of each dimension that is chosen once for it.

    names: every number of the stage that rules about stages speak of.
    """

    depth: int
    embed: int
    tied: tuple[tuple[str, Option], ...]
    names: Mapping[str, Number] = field(eq=False, repr=False)


@frozen
class StagePoints:
    """The points of a stage. before: the numbers of the stage before that decide which of them may follow it."""

    space: Space
    number: int
    rules: tuple[Expression, ...]
    order: tuple[str, ...]
    before: tuple[str, ...]
    problems: list[Unbuildable]

    def after(self, previous: Mapping[str, Number] | None) -> Iterator[StagePoint]:
        """The points that may follow a stage with these numbers; None: there is none before."""
        stage, side = self.space.stages[self.number - 1], self.space.frame.side(self.number - 1)
        own = tied(stage, "stage")
        for names, values in self._values(stage, side, previous):
            try:
                if not all(evaluate(rule, names, previous) for rule in self.rules):
                    continue
            except UndefinedValue as error:
                self.problems.append(Unbuildable(self.number, "require", names, str(error), error.at.span))
                return
            for name in STAGE_DIMENSIONS:
                if not whole(names[name]):
                    reason, place = "is not a whole number from 1", span_of(stage, name)
                    self.problems.append(Unbuildable(self.number, name, names, reason, place))
                    return
            kept = {name: names[name] for name in self.order}
            yield StagePoint(int(names["depth"]), int(names["embed"]), tuple((n, values[n]) for n in own), kept)

    def _values(
        self, stage: StageSpace, side: int, previous: Mapping[str, Number] | None
    ) -> Iterator[tuple[dict[str, Number], dict[str, Option]]]:
        """All numbers of the stage together: as expressions see them, and as they were chosen, windows clipped."""
        partial: list[tuple[dict[str, Number], dict[str, Option]]] = [(constants(self.space.frame), {})]
        for name in self.order:
            extended = []
            for names, values in partial:
                try:
                    domain = options(getattr(stage, name), names, previous)
                except UndefinedValue as error:
                    self.problems.append(Unbuildable(self.number, name, names, str(error), error.at.span))
                    return
                for value in domain:
                    seen = value
                    if name == "window" and not isinstance(value, str):
                        value = seen = min(value, side)
                    extended.append(
                        (names | {name: side if isinstance(seen, str) else seen}, values | {name: value})
                    )
            partial = extended
        yield from partial


def points(space: Space, number: int, problems: list[Unbuildable]) -> StagePoints:
    """How the points of a stage (from 1) are had; what cannot be built goes to `problems`."""
    stage = space.stages[number - 1]
    rules = tuple(
        r.expression
        for r in space.requires
        if r.level == "stage" and r.stage in (None, number) and not totals(r.expression)
    )
    own = [*rules, *(d.expression for d in (stage.depth, stage.embed) if isinstance(d, Derived))]
    before = {part.name for one in own for part in walk(one) if isinstance(part, Previous)}
    return StagePoints(space, number, rules, _order(space, stage), tuple(sorted(before)), problems)


def _order(space: Space, stage: StageSpace) -> tuple[str, ...]:
    """The numbers of a stage that are asked for, each after those that it derives from.

    Depth, embed and what is chosen once for the stage always are; others where something about stages names them.
    """
    every = [r.expression for r in space.requires if r.level == "stage"]
    every += [d.expression for s in space.stages for d in (s.depth, s.embed) if isinstance(d, Derived)]
    named = {part.name for one in every for part in walk(one) if isinstance(part, Name | Previous)}
    known = steady(stage)
    placed: list[str] = []

    def place(name: str) -> None:
        if name in placed:
            return
        domain = getattr(stage, name)
        if isinstance(domain, Derived):
            for part in walk(domain.expression):
                if isinstance(part, Name) and part.name in NUMBERS:
                    place(part.name)
        placed.append(name)

    for name in (*STAGE_DIMENSIONS, *tied(stage, "stage"), *(name for name in known if name in named)):
        place(name)
    return tuple(placed)
