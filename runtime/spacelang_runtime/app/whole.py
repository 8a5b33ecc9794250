"""Whether a network that a search has found keeps its bound on latency when it runs whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
from attrs import frozen

from spacelang.amount import UNITS
from spacelang_runtime.app.latency import OFF
from spacelang_runtime.app.latency import whole as whole_
from spacelang_runtime.app.latency_file import place_of, references_of
from spacelang_runtime.app.watching import Say, silent
from spacelang_runtime.export.latency.drift import SteadyTiming
from spacelang_runtime.failure import Failure
from spacelang_runtime.search.whole_run import Feasibility, WholeRun

if TYPE_CHECKING:
    from spacelang.architecture import Architecture
    from spacelang.recipe import Bound
    from spacelang_runtime.export.latency.measured import ReferenceNetwork
    from spacelang_runtime.export.latency.target import RuntimeTarget
    from spacelang_runtime.search.timing import Bench

ROUNDS = 9  # of a network and of those beside it: its loads are as many again, and differ by more


@frozen
class MeasuredTable:
    """A table of costs, as `measure` has made it. facts: what its file tells. scale: bounds are whole units of
    1 / scale of its unit. references: whole networks that it keeps, with their times."""

    facts: Mapping[str, Any]
    scale: int
    references: tuple[ReferenceNetwork, ...] = ()


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
    return MeasuredTable(facts, scale, references_of(facts, path))


def feasibility(tables: Sequence[MeasuredTable], bounds: Sequence[Bound], say: Say = silent) -> Feasibility | None:
    """What runs a network whole, where the table of latency was measured, and tells whether it keeps its bound.

    None where nothing is bound by such a table, and where its machine is another one, which is said.
    """
    from spacelang_runtime.export.latency.target import RuntimeTarget

    told = next((one for one in tables if one.facts["measure"] == "latency" and "device" in one.facts), None)
    bound = next((one for one in bounds if one.measure == "latency"), None)
    if told is None or bound is None or told.facts.get("unit") not in UNITS:
        return None
    where = place_of(told.facts)
    if where is None:
        say(f"the answer is not run whole: the table is of another machine ({told.facts['device']})")
        return None
    in_unit = Fraction(UNITS["s"], UNITS[told.facts["unit"]])
    ends = [None if end is None else float(end / told.scale / in_unit) for end in (bound.low, bound.high)]
    if isinstance(where, RuntimeTarget) and len(told.references) > 1:
        usual = next(end for end in reversed(ends) if end is not None)
        timing = _beside(told.references, usual, where, say)
    else:
        if isinstance(where, RuntimeTarget):
            say(
                "the table was made before tables kept networks to compare with: where the machine is slower or "
                "faster now, that counts as the network's own; a new table keeps them: spacelang measure"
            )
        timing = _alone(where)

    def run(architecture: Architecture) -> WholeRun:
        found = _judged(architecture, timing(architecture), ends, told.facts["unit"], float(in_unit))
        say(found.said)
        return found

    return Feasibility("latency", run)


def _alone(where: RuntimeTarget | Bench) -> Callable[[Architecture], SteadyTiming]:
    def time(architecture: Architecture) -> SteadyTiming:
        (seconds,) = whole_([architecture], where)
        return SteadyTiming(seconds, None, seconds, 0.0)

    return time


def _beside(
    references: Sequence[ReferenceNetwork], usual: float, where: RuntimeTarget, say: Say
) -> Callable[[Architecture], SteadyTiming]:
    """What times a network by turns with references, of about so many seconds; it is said once where the machine
    drifts far."""
    from spacelang_runtime.export.latency import measured

    @cache
    def ready() -> Callable[[Architecture], SteadyTiming]:
        near = measured.nearest(references, usual)
        return measured.beside(near, attrs.evolve(where, rounds=ROUNDS))

    warned = False

    def time(architecture: Architecture) -> SteadyTiming:
        nonlocal warned
        found = ready()(architecture)
        assert found.drift is not None
        if not warned and not 1 / (1 + OFF) <= found.drift <= 1 + OFF:
            warned = True
            say(f"{_pace(found.drift)}, which is taken off; a new table is the remedy: spacelang measure")
        return found

    return time


def _judged(
    architecture: Architecture, timing: SteadyTiming, ends: Sequence[float | None], unit: str, in_unit: float
) -> WholeRun:
    """A timing beside the ends of a bound, in seconds. in_unit: units of the table in a second."""
    low, high = ends
    room = (0.0 if low is None else low / timing.seconds, float("inf") if high is None else high / timing.sure)
    kept = "within" if room[0] <= 1 <= room[1] else "outside"
    came, latency = timing.came * in_unit, timing.seconds * in_unit
    said = f"{architecture.name} runs whole in {came:.4g} {unit}"
    if timing.drift is not None:
        said += (
            f"; {_pace(timing.drift)}, so {latency:.4g} {unit}, "
            f"and up to {timing.sure * in_unit:.4g} {unit} when it is timed again"
        )
    said += f", {kept} its bound"
    return WholeRun(room, unit, came, latency, timing.drift, timing.margin, said)


def _pace(drift: float) -> str:
    """How fast the machine is, beside what it was."""
    factor, word = (drift, "slower") if drift >= 1 else (1 / drift, "faster")
    if factor < 1.005:
        return "the machine is as fast as when the table was made"
    return f"the machine is {factor:.2f} times {word} than when the table was made"
