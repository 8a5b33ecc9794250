"""The requires of a space: conditions on every stage or every layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from spacelang.architecture import Frame
from spacelang.check.bounds import measure_in
from spacelang.check.dimensions import LAYER_NAMES, unsteady
from spacelang.check.names import undefined
from spacelang.check.outline import Outline, out_of_a_recipe
from spacelang.check.values import options, spot
from spacelang.diagnostics import Diagnostic
from spacelang.expression import Among, Expression, Name, Number, Previous, Within, parts, walk
from spacelang.lower.layers import constants
from spacelang.source import Span
from spacelang.space import Require, StageSpace
from spacelang.syntax import tree


def requires(
    layout: Outline, frame: Frame, stages: Sequence[StageSpace], found: list[Diagnostic]
) -> tuple[Require, ...]:
    """The requires whose expressions have a value in their scope; the others are reported."""
    kept = []
    for rule in layout.rules:
        condition = rule.statement.condition
        if measure := measure_in(condition):
            found.append(out_of_a_recipe(measure, f"each {rule.level}"))
            continue
        settings = tuple(constants(frame))
        if rule.level == "stage":
            problem = undefined(condition, (*settings, *LAYER_NAMES), "truth", LAYER_NAMES)
            problem = problem or next(_unsteady(condition, rule.stage, stages), None)
        else:
            problem = undefined(condition, (*settings, *LAYER_NAMES), "truth")
        if problem:
            found.append(problem)
        elif _members(condition, frame, found):
            kept.append(Require(rule.level, rule.stage, condition))
    return tuple(kept)


def _unsteady(condition: Expression, only: int | None, stages: Sequence[StageSpace]) -> Iterator[Diagnostic]:
    for number, stage in enumerate(stages, 1):
        if only in (None, number):
            yield from unsteady(condition, number, stage, stages[number - 2] if number > 1 else None)


def _members(condition: Expression, frame: Frame, found: list[Diagnostic]) -> bool:
    """Whether the sets of a condition that the settings alone decide are sets; what they are not is reported."""
    names, before = constants(frame), len(found)
    for part in walk(condition):
        domain: tree.Domain
        match part:
            case Among(_, items):
                domain = tree.SetOf(items, spot(part))
            case Within(_, low, high, step):
                domain = tree.Range(low, high, step, Span(spot(low).start, spot(step or high).end))
            case _:
                continue
        inside = [inner for item in parts(part)[1:] for inner in walk(item)]
        if all(not isinstance(inner, Previous) and not _free(inner, names) for inner in inside):
            options(domain, names, False, found)
    return len(found) == before


def _free(part: Expression, names: Mapping[str, Number]) -> bool:
    return isinstance(part, Name) and part.name not in names
