"""Searches for several budgets at once, and what is finished of what they find."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from spacelang import notation
from spacelang.amount import clock
from spacelang.cli.finish import How, record, share_of, share_shown, shown
from spacelang.cli.measures import LABELS, Measures
from spacelang.cli.terminal import console, fail, grid, say
from spacelang.runs import called

if TYPE_CHECKING:
    from spacelang_runtime.engine.finished import Finished
    from spacelang_runtime.engine.run import Run
    from spacelang_runtime.search.evolve import Outcome


def budgets(flops: str | None) -> Sequence[str | None]:
    """The bounds on MACs that an option gives, one for each search: `200M,300M` are two."""
    if flops is None:
        return (None,)
    parts = [part.strip() for part in flops.split(",")]
    if twice := next((part for part in parts if parts.count(part) > 1), None):
        raise typer.BadParameter(f"{twice!r} is given twice", param_hint="--flops")
    return parts


def finishing(run: Run, share: str, device: str, pareto: str | None) -> How:
    """How `--finish` is to be done. What cannot be is refused before the search."""
    from spacelang_runtime.tasks.finish import require_finishable

    how = How(share_of(share, "--finish"), device=device)
    if pareto is not None:
        raise typer.BadParameter(
            "a front has many networks: finish those that you want, spacelang finish --network NAME",
            param_hint="--finish",
        )
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        fail(
            "under torchrun a search does not go over into a finish",
            "leave --finish out, and then: torchrun ... spacelang finish",
        )
    require_finishable(run)
    return how


def show_budgets(
    run: Run,
    asked: Sequence[str | None],
    outcomes: Sequence[Outcome],
    finished: Sequence[Finished],
    measures: Measures,
    as_json: bool,
) -> None:
    """Print the winner of each search, and what became of it, a line each."""
    done = {one.architecture: one for one in finished}
    found = [(budget, one, done.get(one.best.architecture)) for budget, one in zip(asked, outcomes, strict=True)]
    if as_json:
        records = [
            {
                "run": run.name,
                "budget": budget,
                "name": outcome.best.architecture.name,
                "line": notation.write(outcome.best.architecture),
                "accuracy": outcome.accuracy,
                **{name: measures.plain(name, value) for name, value in outcome.best.costs.items()},
                **({"finished": record(own)} if own else {}),
            }
            for budget, outcome, own in found
        ]
        print(json.dumps(records, indent=2))
        return
    names = list(outcomes[0].best.costs)
    heading = ["MACs asked for", "name", *(LABELS.get(name, name) for name in names), "held out, inherited"]
    rows = [
        [
            str(budget),
            outcome.best.architecture.name,
            *(measures.short(name, outcome.best.costs[name]) for name in names),
            *((f"{outcome.accuracy:.2%}",) if own is None else (share_shown(own.inherited), *shown(own))),
        ]
        for budget, outcome, own in found
    ]
    if finished:
        heading += ["finished", "steps", "time", "model"]
    console().print(grid(heading, rows))
    networks, seconds = sum(one.networks for one in outcomes), sum(one.seconds for one in outcomes)
    say(f"{networks} networks in {len(outcomes)} searches, {clock(seconds)}")
    where, best = called(run.folder), outcomes[-1].best.architecture.name
    say(f"best of the run is now {best}, of the last search; each is exported by its name:")
    say(f"next: spacelang export {outcomes[0].best.architecture.name} -o model/ --run {where}")
