"""`spacelang evolve`: search the space of a trained supernet."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import attrs
import typer

from spacelang import notation
from spacelang.amount import clock
from spacelang.check import override
from spacelang.check.bounds import joined
from spacelang.cli.bench import bench
from spacelang.cli.board import board
from spacelang.cli.budgets import budgets, finishing, show_budgets
from spacelang.cli.feasible import feasible
from spacelang.cli.finish import finish_all, record
from spacelang.cli.finish import show as show_finished
from spacelang.cli.measures import LABELS, Measures, priced
from spacelang.cli.method import Words, method_of, print_finalists, print_front
from spacelang.cli.options import Bounds, Device, Images, Latency, MovedData, ResultAsJson, Runs, SomeRun
from spacelang.cli.resumable import resumable
from spacelang.cli.terminal import fail, say, say_once
from spacelang.recipe import Bound, Evolve
from spacelang.runs import RUNS, called

if TYPE_CHECKING:
    from spacelang.lower.lowered import Lowered
    from spacelang_runtime.engine.run import Run

_FEW = 10**6  # networks of a space that a search could exhaust
_PREVIEW = {"population": 8, "parents": 4, "generations": 2, "crossover": 3, "mutation": 3}


def evolve(
    run: SomeRun = None,
    flops: Annotated[
        str | None,
        typer.Option(help="MACs of the network: 4.5G (at most) or 4G..4.5G. Several, a search each: 200M,300M."),
    ] = None,
    params: Annotated[str | None, typer.Option(help="Its parameters: 28M (at most) or 20M..28M.")] = None,
    latency: Latency = None,
    cost: Annotated[
        list[Path] | None, typer.Option(help="A table of a further cost, as JSON, to bound as well.")
    ] = None,
    bound: Bounds = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Change a line of the evolve recipe for this search."),
    ] = None,
    images: Images = None,
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
    from spacelang.cli.narrower import narrower
    from spacelang.lower.lowered import lower
    from spacelang_runtime.engine.latest import serving

    found = serving(runs, run, "weights", say_once)
    wide = lower(found.space)
    lowered, measures = priced(narrower(space, wide) if space else wide, cost or [])
    how = None if finish is None else finishing(found, finish, device, pareto)
    recipes = []
    for budget in budgets(flops):
        named = {"flops": budget, "params": params, "latency": latency}
        given = measures.bounds(lowered.chain, named, bound or [])
        recipes.append(_recipe(found, lowered, measures, given, settings or []))
        feasible(lowered, recipes[-1].bounds, measures)
    words = Words(algorithm, pareto, score, exact, risk, candidates, part, finalists)
    methods = [method_of(lowered, recipe, words) for recipe in recipes]

    from spacelang_runtime.engine.lock import sole_writer
    from spacelang_runtime.search.evolve import evolve as search
    from spacelang_runtime.search.pool import join

    with sole_writer(found.folder), join(device) as crew:
        supernet = bench(found, wide, crew, images, data)
        if supernet is None:
            return
        outcomes = []
        for recipe, method in zip(recipes, methods, strict=True):
            with resumable(), board(f"evolve {found.name}") as watch:
                outcomes.append(search(found, lowered, recipe, method, supernet.waves, supernet.step, watch))
    del supernet  # with its held-out images: a finish may want the memory
    finished = [] if how is None else finish_all(found, [one.best.architecture for one in outcomes], how)
    if len(outcomes) > 1:
        show_budgets(found, budgets(flops), outcomes, finished, measures, as_json)
        return
    outcome = outcomes[0]
    best = outcome.best
    if as_json:
        from spacelang.architecture import to_json

        print(
            json.dumps(
                {
                    "run": found.name,
                    "preview": found.record.preview,
                    "name": best.architecture.name,
                    "line": notation.write(best.architecture),
                    "accuracy": outcome.accuracy,
                    "loss": outcome.loss,
                    "estimate": attrs.asdict(outcome.estimate) if outcome.estimate else None,
                    **{measure: measures.plain(measure, value) for measure, value in best.costs.items()},
                    "images": {"spent": outcome.spent, "saved": outcome.saved},
                    "level": [
                        {"name": one.candidate.architecture.name, "loss": one.loss, "apart": one.apart}
                        for one in outcome.level
                    ],
                    "hypervolume": outcome.volume,
                    "front": [
                        {
                            "name": candidate.architecture.name,
                            "line": notation.write(candidate.architecture),
                            "accuracy": correct / outcome.images,
                            **{name: measures.plain(name, value) for name, value in candidate.costs.items()},
                        }
                        for candidate, correct in outcome.front
                    ],
                    "architecture": to_json(best.architecture),
                    **({"finished": record(finished[0])} if finished else {}),
                },
                indent=2,
            )
        )
        return
    preview = "PREVIEW  " if found.record.preview else ""
    costs = [
        f"{measures.short(measure, value)} {LABELS.get(measure, measure)}" for measure, value in best.costs.items()
    ]
    print(
        f"{preview}best: {best.architecture.name}  {outcome.accuracy:.2%} of {outcome.images} held-out images, "
        f"loss {outcome.loss:.4f}, " + ", ".join(costs)
    )
    print(notation.write(best.architecture))
    if outcome.front:
        print_front(outcome, measures)
    print_finalists(outcome, measures)
    images = outcome.spent / outcome.networks
    known = f", {outcome.networks - outcome.scored} known already" if outcome.scored < outcome.networks else ""
    say(
        f"{outcome.networks} networks in {clock(outcome.seconds)}, {images:.0f} images each of {outcome.images}"
        f" on average{known}"
    )
    if outcome.finalists and len(outcome.finalists) < method.finalists:
        say(f"finalists: {len(outcome.finalists)}, and not {method.finalists}: there are no more networks")
    if outcome.doubt is not None:
        tau, rival = outcome.doubt
        times = f"{outcome.doubts} generation{'s' if outcome.doubts > 1 else ''}"
        say(
            f"the predictor was dropped after {times}: tau {tau:.2f} on networks it had not seen, costs {rival:.2f}"
        )
    if candidates is not None and outcome.networks < candidates:
        say(_fewer(lowered, recipe, outcome.networks))
    if finished:
        show_finished(finished)
    where = called(found.folder)
    say(f"next: spacelang eval best --run {where}, or spacelang export best -o model/ --run {where}")


def _fewer(lowered: Lowered, recipe: Evolve, networks: int) -> str:
    """Why a search ended with fewer networks than were asked for."""
    from spacelang.lower.bounds import windows
    from spacelang.lower.count import count

    inside = " inside the bounds" if recipe.bounds else ""
    if lowered.count <= _FEW and count(lowered.chain, windows(recipe.bounds, lowered.chain)) == networks:
        return f"the space is exhausted: it has {networks} networks{inside}, and all of them were looked at"
    return f"the recipe ends with {networks} different networks; for more: --set generations=NUMBER"


def _recipe(run: Run, lowered: Lowered, measures: Measures, given: Sequence[Bound], settings: list[str]) -> Evolve:
    """The run's recipe with what the command line changes: a bound replaces those on the same measure."""
    from spacelang.lower.bounds import measured

    recipe = lowered.space.evolve
    if run.record.preview:
        recipe = attrs.evolve(recipe, **{k: min(v, getattr(recipe, k)) for k, v in _PREVIEW.items()})
    try:
        recipe = override.evolve_with(recipe, override.settings(settings))
    except override.NotASetting as reason:
        raise typer.BadParameter(str(reason), param_hint="--set") from None
    replaced = {bound.measure for bound in given}
    kept = measures.tabled([bound for bound in recipe.bounds if bound.measure not in replaced])
    for bound in kept:
        if not measured(lowered.chain, bound.measure):
            table = f"{bound.measure}.json"
            fail(
                f"the recipe of {lowered.space.name} wants {bound}, and no table says what networks take",
                f"spacelang measure SPACE.space -o {table}, "
                f"then: spacelang evolve {called(run.folder)} --cost {table}",
            )
    return attrs.evolve(recipe, bounds=joined([*kept, *given]))
