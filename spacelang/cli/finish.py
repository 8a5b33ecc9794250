"""`spacelang finish`: train a found network on alone, from the weights that it inherits."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Any

import typer
from attrs import field, frozen

from spacelang import notation
from spacelang.amount import NotAnAmount, clock, short
from spacelang.amount import share as share_in
from spacelang.architecture import Architecture
from spacelang.check import override
from spacelang.cli.options import AsJson, Device, Runs, Workers
from spacelang.cli.resumable import AGAIN
from spacelang.cli.terminal import console, grid, say, say_once
from spacelang.cli.train import readers, speaker, watched
from spacelang.lower.cost import price
from spacelang.runs import RUNS, called

if TYPE_CHECKING:
    from spacelang_runtime.engine.finished import Finished
    from spacelang_runtime.engine.run import Run
    from spacelang_runtime.tasks.finish import FinishRequest


@frozen
class How:
    """How networks are finished. share: of the supernet's seconds. taught: the largest network's part of a target.
    overrides: lines of the recipe, as written. workers: processes that read images; None: as many as suit."""

    share: Fraction
    final: bool = False
    taught: float = 0.0
    overrides: dict[str, str] = field(factory=dict)
    device: str = "auto"
    workers: int | None = None


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
    try:
        overrides = override.settings(settings or [])
    except override.NotASetting as reason:
        raise typer.BadParameter(str(reason), param_hint="--set") from None
    how = How(share_of(share, "--share"), final, taught, overrides, device, workers)

    from spacelang.lower.lowered import lower
    from spacelang_runtime.engine.latest import serving
    from spacelang_runtime.search.target import resolve
    from spacelang_runtime.tasks.finish import require_finishable

    found = serving(runs, run, "weights" if networks else "best", say_once)
    require_finishable(found)
    lowered = lower(found.space)
    chosen = [resolve(name, found, lowered) for name in networks or ["best"]]
    results = finish_all(found, chosen, how)
    if not results:  # of a process that only helps
        return
    if as_json:
        print(json.dumps([record(one) for one in results], indent=2))
        return
    show(results)
    words = " ".join(networks or ["best"])
    say(f"next: spacelang eval {words} --run {called(found.folder)}")


def share_of(text: str, option: str) -> Fraction:
    """The share that an option gives."""
    try:
        return share_in(text)
    except NotAnAmount as reason:
        raise typer.BadParameter(str(reason), param_hint=option) from None


def finish_all(run: Run, architectures: Sequence[Architecture], how: How) -> list[Finished]:
    """Finish networks of a run, one after the other; what is done already is only told. Empty in a process that
    only helps."""
    from spacelang.lower.lowered import lower
    from spacelang_runtime.engine.distributed import join
    from spacelang_runtime.engine.finished import ended, result_of
    from spacelang_runtime.engine.supernet import trained, unfinished
    from spacelang_runtime.tasks.finish import begun, kept, write_model

    if said := unfinished(run):
        say(said)
    results = []
    with join(how.device) as world:
        supernet = trained(run, lower(run.space), world.device)
        for architecture in dict.fromkeys(architectures):
            request = _request(run, architecture, how)
            done = kept(request)
            if done is not None and ended(done):
                if world.is_main:
                    say(f"{architecture.name} has been finished so: {done.model}")
            else:
                setup = begun(request, supernet, world, readers(how.workers), speaker(world))
                state = setup.run.state
                if state is None or not state.finished:
                    watched(setup, world, again=AGAIN)
                if not world.is_main:
                    continue
                write_model(setup, request, supernet, world)
                done = setup.run
            if world.is_main:
                results.append(result_of(done))
    return results


def _request(run: Run, architecture: Architecture, how: How) -> FinishRequest:
    import attrs

    from spacelang_runtime.tasks.finish import FinishRequest, recipe_of

    try:
        recipe = override.train_with(recipe_of(run.space.train, how.final), how.overrides)
    except override.NotASetting as reason:
        raise typer.BadParameter(str(reason), param_hint="--set") from None
    if recipe.holdout != recipe_of(run.space.train, how.final).holdout:
        raise typer.BadParameter(
            "the held-out images are learned from by --final alone", param_hint="--set holdout"
        )
    own = attrs.evolve(architecture, frame=run.space.frame)
    return FinishRequest(run, own, how.share, recipe, how.final, how.taught, tuple(sys.argv[1:]), how.overrides)


def record(one: Finished) -> dict[str, Any]:
    """What is told of a finished network, for a program."""
    cost = price(one.architecture)
    return {
        "name": one.architecture.name,
        "line": notation.write(one.architecture),
        "flops": cost.flops,
        "params": cost.params,
        "inherited_accuracy": one.inherited,
        "accuracy": one.accuracy,
        "steps": one.steps,
        "seconds": one.seconds,
        "model": str(one.run.model),
    }


def show(results: Sequence[Finished]) -> None:
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


def shown(one: Finished) -> list[str]:
    """What a finish has come to, in columns: its accuracy on held-out images, steps, time, model."""
    return [share_shown(one.accuracy), str(one.steps), clock(one.seconds), str(one.run.model)]


def share_shown(accuracy: float | None) -> str:
    """A share in percent; a dash where there is none."""
    return "–" if accuracy is None else f"{accuracy:.2%}"
