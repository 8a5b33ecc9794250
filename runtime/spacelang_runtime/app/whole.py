"""Whether a network that a search has found keeps its bound on latency when it runs whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen

from spacelang.amount import UNITS
from spacelang_runtime.app.latency import place_of
from spacelang_runtime.app.latency import whole as whole_
from spacelang_runtime.app.watching import Say, silent
from spacelang_runtime.failure import Failure

if TYPE_CHECKING:
    from spacelang.architecture import Architecture
    from spacelang.recipe import Bound


@frozen
class MeasuredTable:
    """A table of costs, as `measure` has made it. facts: what its file tells. scale: bounds are whole units of
    1 / scale of its unit."""

    facts: Mapping[str, Any]
    scale: int


def told_by(path: Path, scale: int, force: bool) -> MeasuredTable:
    """What the file of a table tells, which has been read as one before.

    Raises `Failure` where it was marked as not to be trusted, and `force` is not given.
    """
    facts = json.loads(path.read_text(encoding="utf-8"))
    marks = facts.get("marks")
    if isinstance(marks, list) and marks and not force:
        raise Failure(
            f"{path} is not to be trusted: {'; '.join(map(str, marks))}",
            "measure it anew on an idle machine: spacelang measure; or take it all the same: --force",
        )
    return MeasuredTable(facts, scale)


def feasibility(
    tables: Sequence[MeasuredTable], bounds: Sequence[Bound], say: Say = silent
) -> Callable[[Architecture], bool] | None:
    """What runs a network whole, where the table of latency was measured, and tells whether it keeps its bound.

    None where nothing is bound by such a table, and where its machine is another one, which is said.
    """
    told = next((one for one in tables if one.facts["measure"] == "latency" and "device" in one.facts), None)
    bound = next((one for one in bounds if one.measure == "latency"), None)
    if told is None or bound is None or told.facts.get("unit") not in UNITS:
        return None
    where = place_of(told.facts)
    if where is None:
        say(f"the answer is not run whole: the table is of another machine ({told.facts['device']})")
        return None
    unit = told.facts["unit"]

    def feasible(architecture: Architecture) -> bool:
        (seconds,) = whole_([architecture], where)
        found = seconds * UNITS["s"] / UNITS[unit]
        counted = found * told.scale
        kept = (bound.low is None or bound.low <= counted) and (bound.high is None or counted <= bound.high)
        say(f"{architecture.name} runs whole in {found:.4g} {unit}, {'within' if kept else 'outside'} its bound")
        return kept

    return feasible
