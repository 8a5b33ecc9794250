"""`spacelang finish`: train a found network on alone, from the weights that it inherits."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from spacelang.amount import clock, short
from spacelang.api.finish import FinishOptions, finished, requests, share_of
from spacelang.api.recipe import lines
from spacelang.cli.options import AsJson, Device, Runs, Workers
from spacelang.cli.terminal import console, grid, say, say_once
from spacelang.cli.training import watching
from spacelang.lower.cost import price
from spacelang.runs import AGAIN, RUNS, called

if TYPE_CHECKING:
    from spacelang_runtime.engine.finished import FinishResult


def finish(
    run: Annotated[str | None, typer.Argument(help="A run whose space was searched (default: the latest).")] = None,
    share: Annotated[str, typer.Option(help="How long: a share of the seconds that the supernet took.")] = "5%",
    networks: Annotated[
        list[str] | None,
        typer.Option(
            "--network", help="A network of the run: largest, a name, a line (default: best). Give it for each."
        ),
    ] = None,
    final: Annotated[
        bool,
        typer.Option("--final", help="Learn from the held-out images too; then no accuracy on them is told."),
    ] = False,
    taught: Annotated[
        float, typer.Option("--taught", min=0, max=1, help="The part that the largest network teaches.")
    ] = 0.0,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Change a line of the train recipe for this finish."),
    ] = None,
    device: Device = "auto",
    workers: Workers = None,
    as_json: AsJson = False,
    runs: Runs = RUNS,
) -> None:
    """Train the winner of the last search on alone, from its inherited weights, for a share of the supernet's time.

    The share is turned into steps once. A finish that was stopped makes the steps that are left when the same
    command is given again. `export` and `eval` then take the finished weights.
    """
    share_of(share, "share")
    lines(settings)

    from spacelang.lower.lowered import lower
    from spacelang_runtime.app.finish import finish as finish_
    from spacelang_runtime.app.learn import TrainingOptions
    from spacelang_runtime.engine.latest import serving
    from spacelang_runtime.search.target import resolve
    from spacelang_runtime.tasks.finish import require_finishable

    found = serving(runs, run, "weights" if networks else "best", say_once)
    require_finishable(found)
    lowered = lower(found.space)
    chosen = [resolve(name, found, lowered) for name in networks or ["best"]]
    asked = requests(found, chosen, FinishOptions(share, final, taught, settings), sys.argv[1:])
    results = finish_(asked, TrainingOptions(device, workers, again=AGAIN), watching(), say)
    if not results:  # of a process that only helps
        return
    if as_json:
        print(json.dumps([row for one in results for row in finished(one).records()], indent=2))
        return
    show(results)
    words = " ".join(networks or ["best"])
    say(f"next: spacelang eval {words} --run {called(found.folder)}")


def show(results: Sequence[FinishResult]) -> None:
    """Print what was finished, a network a line."""
    rows = []
    for one in results:
        cost = price(one.architecture)
        rows.append(
            [
                one.architecture.name,
                short(cost.flops),
                short(cost.params),
                share_shown(one.inherited),
                *shown(one),
            ]
        )
    heading = ["name", "MACs", "params", "held out, inherited", "finished", "steps", "time", "model"]
    console().print(grid(heading, rows))


def shown(one: FinishResult) -> list[str]:
    """What a finish has come to, in columns: its accuracy on held-out images, steps, time, model."""
    return [share_shown(one.accuracy), str(one.steps), clock(one.seconds), str(one.run.model)]


def share_shown(accuracy: float | None) -> str:
    """A share in percent; a dash where there is none."""
    return "–" if accuracy is None else f"{accuracy:.2%}"
