"""The requires of a space: conditions on every stage or every layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from spacelang.architecture import Frame
from spacelang.check.bounds import measure_in
from spacelang.check.dimensions import unsteady
from spacelang.check.outline import Outline, out_of_a_recipe
from spacelang.check.values import options, spot
from spacelang.diagnostics import Diagnostic, Label
from spacelang.evaluation import UndefinedValue, evaluate
from spacelang.expression import (
    Among,
    Expression,
    Name,
    Number,
    Previous,
    Within,
    conjuncts,
    parts,
    totals,
    walk,
)
from spacelang.language.dimensions import LAYER_NAMES
from spacelang.lower.layers import constants
from spacelang.names import undefined
from spacelang.source import Span
from spacelang.space import Requirement, StageSpace
from spacelang.syntax import tree


def requires(
    layout: Outline, frame: Frame, stages: Sequence[StageSpace], found: list[Diagnostic]
) -> tuple[Requirement, ...]:
    """The requires whose expressions have a value in their scope; the others are reported."""
    kept = []
    for rule in layout.rules:
        condition = rule.statement.condition
        if measure := measure_in(condition, layout.measures):
            found.append(out_of_a_recipe(measure, f"each {rule.level}"))
            continue
        settings = tuple(constants(frame))
        every = (*settings, *LAYER_NAMES)
        match rule.level:
            case "network":
                problem = undefined(condition, settings, "truth", summed=every)
            case "stage":
                problem = undefined(condition, every, "truth", LAYER_NAMES, summed=every)
                problem = problem or next(_unsteady(condition, rule.stage, stages), None)
            case "layer":
                problem = undefined(condition, every, "truth")
        if problem:
            found.append(problem)
        elif _members(condition, frame, found):
            parts_ = tuple(conjuncts(condition)) if totals(condition) else (condition,)
            if wrong := next((bad for part in parts_ if (bad := _no_limit(part, rule.level, frame))), None):
                found.append(wrong)
            else:
                kept += [Requirement(rule.level, rule.stage, part) for part in parts_]
    return tuple(kept)


def _no_limit(condition: Expression, level: str, frame: Frame) -> Diagnostic | None:
    """What keeps a condition from being a limit on totals, where it has to be one."""
    if not totals(condition):
        if level != "network":
            return None
        message = "a rule of the whole network compares totals, and this part has none"
        help_ = "write it in a rule of its own, `require each stage: …`, or leave it out"
        return Diagnostic("E0319", message, Label(spot(condition)), help=help_)
    from spacelang.lower.form import NotLinear, limited  # a space without totals need not wait for it

    try:
        whole = list(limited(condition, constants(frame)))
    except NotLinear as reason:
        help_ = "such as `require sum(depth) <= 24`, or `require 4 <= sum(heads) - sum(depth)`"
        return Diagnostic("E0319", str(reason), Label(spot(reason.at)), help=help_)
    for part in (inner for one in whole for inner in walk(one.rest)):
        if isinstance(part, Previous):
            message = "a total is not compared with the stage before"
            return Diagnostic("E0319", message, Label(spot(part)), help="compare it with what is of this stage")
    for one in whole:
        try:
            evaluate(one.rest, constants(frame))
        except KeyError:
            pass  # it differs from stage to stage, and is looked at where it has values
        except UndefinedValue as error:
            help_ = "write the number that is meant"
            return Diagnostic("E0301", str(error), Label(spot(error.at)), help=help_)
    return None


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
