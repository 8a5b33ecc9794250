"""How to search, from the words of the command line, and the front that a search has found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from spacelang.cli.measures import LABELS, Measures
from spacelang.cli.terminal import console, grid, say

if TYPE_CHECKING:
    from spacelang.lower.lowered import Lowered
    from spacelang_runtime.search.evolve import Method, Outcome


def method_of(
    lowered: Lowered,
    algorithm: str | None,
    pareto: str | None,
    exact: bool,
    risk: float | None,
    budget: int | None,
) -> Method:
    """The method that `--algorithm`, `--pareto`, `--exact`, `--risk`, `--candidates` ask for; None: not given."""
    from spacelang_runtime.search.algorithms import ALGORITHMS
    from spacelang_runtime.search.evolution import ACCURACY
    from spacelang_runtime.search.evolve import Method
    from spacelang_runtime.search.racing import RISK

    chosen = algorithm or ("paper" if pareto is None else "nsga2")
    found = next((name for name in ALGORITHMS if name == chosen), None)
    if found is None:
        raise typer.BadParameter(f"{chosen!r} is none of {', '.join(ALGORITHMS)}", param_hint="--algorithm")
    if risk is not None and not 0 < risk < 1:
        raise typer.BadParameter("a risk lies between 0 and 1; to take none, give --exact", param_hint="--risk")
    if risk is not None and exact:
        raise typer.BadParameter("--exact takes no risk: give one of them", param_hint="--risk")
    if pareto is not None:
        goals = _goals(lowered, pareto)
    else:
        goals = (ACCURACY, "flops") if found == "nsga2" else (ACCURACY,)
    method = Method(found, goals, None if exact else risk or RISK, budget)
    if risk is not None and not method.races:
        what = "a front" if len(goals) > 1 else found
        raise typer.BadParameter(f"it is of races, and {what} scores every network in full", param_hint="--risk")
    return method


def _goals(lowered: Lowered, pareto: str) -> tuple[str, ...]:
    """The goals that `--pareto` names, accuracy first."""
    from spacelang_runtime.search.evolution import ACCURACY

    goals = tuple(dict.fromkeys(word.strip() for word in pareto.split(",")))
    known = (ACCURACY, *lowered.chain.costs)
    wrong = next((goal for goal in goals if goal not in known), None)
    if wrong is not None:
        table = "; latency needs a table: --cost TABLE (see spacelang measure)" if wrong == "latency" else ""
        raise typer.BadParameter(f"{wrong!r} is no goal here: {', '.join(known)}{table}", param_hint="--pareto")
    if ACCURACY not in goals or len(goals) == 1:
        raise typer.BadParameter("a front is of accuracy and a cost: accuracy,flops", param_hint="--pareto")
    return (ACCURACY, *(goal for goal in goals if goal != ACCURACY))


def print_front(outcome: Outcome, measures: Measures) -> None:
    """The networks of a front, from the least accurate on."""
    names = list(outcome.best.costs)
    rows = [
        [candidate.architecture.name, f"{correct / outcome.images:.2%}"]
        + [measures.short(name, candidate.costs[name]) for name in names]
        for candidate, correct in outcome.front
    ]
    console().print(grid(["name", "held out", *(LABELS.get(name, name) for name in names)], rows))
    say(f"hypervolume {outcome.volume:.4f} of the field from accuracy 0 at the highest cost to 1 at the lowest")
