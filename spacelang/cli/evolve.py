"""`spacelang evolve`: search the space of a trained supernet."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import attrs
import typer

from spacelang.api.evolve import Bounded, budgets, request
from spacelang.api.finish import FinishOptions, requests, share_of
from spacelang.api.method import Words
from spacelang.cli.board import board
from spacelang.cli.options import (
    BoundsOption,
    Device,
    ImagesOption,
    Latency,
    MovedData,
    ResultAsJson,
    Runs,
    SomeRun,
    bounding,
)
from spacelang.cli.outcome import outcome_as_json, show_budgets, show_outcome
from spacelang.cli.resumable import resumable
from spacelang.cli.terminal import refused, say, say_once
from spacelang.cli.texts import loaded
from spacelang.cli.training import watching
from spacelang.runs import AGAIN, RUNS


def evolve(
    run: SomeRun = None,
    flops: Annotated[
        str | None,
        bounding("flops", "MACs of the network", " Several, a search each: 200M,300M."),
    ] = None,
    params: Annotated[str | None, bounding("params", "Its parameters")] = None,
    latency: Latency = None,
    cost: Annotated[
        list[Path] | None, typer.Option(help="A table of a further cost, as JSON, to bound as well.")
    ] = None,
    bound: BoundsOption = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Change a line of the evolve recipe for this search."),
    ] = None,
    images: ImagesOption = None,
    score: Annotated[
        str | None, typer.Option(help="What ranks networks, instead of the recipe's line: loss or accuracy.")
    ] = None,
    part: Annotated[
        str | None, typer.Option(help="Of the held-out images, what the search may read (default: 80%).")
    ] = None,
    finalists: Annotated[
        int | None, typer.Option(min=1, help="How many of the best are compared on all of these (default: 8).")
    ] = None,
    exact: Annotated[bool, typer.Option("--exact", help="Score every network on all images.")] = False,
    risk: Annotated[
        float | None,
        typer.Option(
            help="Race on all images: the chance that this changes the outcome, such as 0.001 (paper, random)."
        ),
    ] = None,
    pareto: Annotated[
        str | None, typer.Option(metavar="GOALS", help="A front instead of one network: accuracy,flops.")
    ] = None,
    algorithm: Annotated[
        str | None,
        typer.Option(
            help="predictor, paper, random, regularized or nsga2 (default: predictor; with --pareto nsga2)."
        ),
    ] = None,
    candidates: Annotated[
        int | None, typer.Option(min=1, help="End when so many different networks have been scored.")
    ] = None,
    space: Annotated[
        Path | None, typer.Option(help="Search a narrower space on this supernet, such as spaces/s3_mobile.space.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Take tables, too, that were marked as not to be trusted.")
    ] = False,
    finish: Annotated[
        str | None,
        typer.Option(metavar="SHARE", help="Then train the best on, alone: for 5% of the supernet's seconds."),
    ] = None,
    data: MovedData = None,
    device: Device = "auto",
    as_json: ResultAsJson = False,
    runs: Runs = RUNS,
) -> None:
    """Find the best network of a run's space within bounds, by evolution over its trained supernet.

    Every score is kept as it comes: a search that was stopped goes on when the same command is given again. Under
    torchrun the same command scores on many GPUs, and ends with the same answer.
    """
    from spacelang_runtime.engine.latest import serving

    found = serving(runs, run, "weights", say_once)
    named = {"params": params, "latency": latency}
    words = Words(algorithm, pareto, score, exact, risk, candidates, part, finalists)
    if finish is not None:
        share_of(finish, "finish")
    asked = budgets(flops)
    with refused():
        narrow = None if space is None else loaded(space)
        bounded = Bounded(asked, named, bound, cost or (), settings, narrow, force)
        searches, measures = request(found, bounded, words, finish is not None, say_once)

    from spacelang_runtime.app.finish import finish as finish_
    from spacelang_runtime.app.learn import TrainingOptions
    from spacelang_runtime.app.scoring_setup import ScoringOptions
    from spacelang_runtime.app.search import search

    searches = attrs.evolve(searches, place=ScoringOptions(device, images, data))
    with resumable():
        outcomes = search(searches, lambda of: board(f"evolve {of.name}"), say)
    if not outcomes:  # of a process that only helps
        return
    finished = ()
    if finish is not None:
        chosen = [one.best.architecture for one in outcomes]
        finishes = requests(found, chosen, FinishOptions(finish), sys.argv[1:])
        finished = finish_(finishes, TrainingOptions(device, again=AGAIN), watching(), say)
    if len(outcomes) > 1:
        show_budgets(found, asked, outcomes, finished, measures, as_json)
    elif as_json:
        print(outcome_as_json(found, outcomes[0], measures, finished))
    else:
        show_outcome(searches, outcomes[0], measures, finished)
