"""The requires of a space: conditions on every stage or every layer."""

from __future__ import annotations

from spacelang.architecture import Frame
from spacelang.check.bounds import measure_in
from spacelang.check.dimensions import LAYER_NAMES, STAGE_NAMES
from spacelang.check.names import undefined
from spacelang.check.outline import Outline, out_of_a_recipe
from spacelang.diagnostics import Diagnostic
from spacelang.lower.layers import constants
from spacelang.space import Require


def requires(layout: Outline, frame: Frame, found: list[Diagnostic]) -> tuple[Require, ...]:
    """The requires whose expressions have a value in their scope; the others are reported."""
    kept = []
    for rule in layout.rules:
        condition = rule.statement.condition
        if measure := measure_in(condition):
            found.append(out_of_a_recipe(measure, f"each {rule.level}"))
            continue
        settings = tuple(constants(frame))
        if rule.level == "stage":
            problem = undefined(condition, (*settings, *STAGE_NAMES), "truth", STAGE_NAMES)
        else:
            problem = undefined(condition, (*settings, *LAYER_NAMES), "truth")
        if problem:
            found.append(problem)
        else:
            kept.append(Require(rule.level, rule.stage, condition))
    return tuple(kept)
