"""`spacelang evolve`: search the space of a trained supernet."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import attrs
import typer

from spacelang import notation
from spacelang.amount import clock
from spacelang.check import override
from spacelang.check.bounds import joined
from spacelang.cli.board import board
from spacelang.cli.measures import LABELS, Measures, nearest_known, priced
from spacelang.cli.method import method_of, print_front
from spacelang.cli.resumable import resumable
from spacelang.cli.terminal import fail, say
from spacelang.cli.train import RUNS
from spacelang.recipe import Bound, Evolve

if TYPE_CHECKING:
    from spacelang.lower.lowered import Lowered
    from spacelang_runtime.run import Run
    from spacelang_runtime.search.crew import Crew
    from spacelang_runtime.search.evolve import Method, Outcome

_PREVIEW = {"population": 8, "parents": 4, "generations": 2, "crossover": 3, "mutation": 3}
_PREVIEW_IMAGES = 16


def evolve(
    run: Annotated[str | None, typer.Argument(help="A run (default: the latest).")] = None,
    flops: Annotated[str | None, typer.Option(help="MACs of the network: 4.5G (at most) or 4G..4.5G.")] = None,
    params: Annotated[str | None, typer.Option(help="Its parameters: 28M (at most) or 20M..28M.")] = None,
    latency: Annotated[str | None, typer.Option(help="Of a table of latency: 5ms (at most) or 4ms..5ms.")] = None,
    cost: Annotated[
        list[Path] | None, typer.Option(help="A table of a further cost, as JSON, to bound as well.")
    ] = None,
    bound: Annotated[
        list[str] | None, typer.Option(metavar="NAME=WINDOW", help="A bound on a measure: energy=2..2.5.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Change a line of the evolve recipe for this search."),
    ] = None,
    images: Annotated[int | None, typer.Option(min=1, help="Score on so many held-out images only.")] = None,
    exact: Annotated[bool, typer.Option("--exact", help="Score every network on all images: no races.")] = False,
    risk: Annotated[
        float | None,
        typer.Option(
            help="The chance that races, which leave the hopeless early, change the outcome (default: 0.001)."
        ),
    ] = None,
    pareto: Annotated[
        str | None, typer.Option(metavar="GOALS", help="A front instead of one network: accuracy,flops.")
    ] = None,
    algorithm: Annotated[
        str | None, typer.Option(help="paper, random, regularized or nsga2 (default: paper; with --pareto nsga2).")
    ] = None,
    candidates: Annotated[
        int | None, typer.Option(min=1, help="End when so many different networks have been scored.")
    ] = None,
    space: Annotated[
        Path | None, typer.Option(help="Search a narrower space on this supernet, such as spaces/s3_mobile.space.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    runs: Annotated[Path, typer.Option(help="The folder of all runs.")] = RUNS,
) -> None:
    """Find the best network of a run's space within bounds, by evolution over its trained supernet.

    Every score is kept as it comes: a search that was stopped goes on when the same command is given again. Under
    torchrun the same command scores on many GPUs, and ends with the same answer.
    """
    from spacelang.cli.narrower import narrower
    from spacelang.lower.lowered import lower
    from spacelang_runtime.run import find

    found = find(runs, run)
    wide = lower(found.space)
    lowered, measures = priced(narrower(space, wide) if space else wide, cost or [])
    named = {"flops": flops, "params": params, "latency": latency}
    recipe = _recipe(found, lowered, measures, measures.bounds(lowered.chain, named, bound or []), settings or [])
    feasible(lowered, recipe.bounds, measures)
    if found.record.preview:
        images = images or _PREVIEW_IMAGES
    method = method_of(lowered, algorithm, pareto, exact, risk, candidates)

    from spacelang_runtime.search.crew import join

    with join(device) as crew:
        if found.record.preview and crew.leads:
            say("this run is a PREVIEW, so is this search: its numbers mean nothing")
        outcome = _search(found, wide, lowered, recipe, method, crew, images)
    if outcome is None:
        return
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
                    **{measure: measures.plain(measure, value) for measure, value in best.costs.items()},
                    "images": {"judged on": outcome.spent, "saved by races": outcome.saved},
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
        + ", ".join(costs)
    )
    print(notation.write(best.architecture))
    if outcome.front:
        print_front(outcome, measures)
    races = f"; races saved {outcome.saved / (outcome.spent + outcome.saved):.0%} of the images"
    known = f", {outcome.networks - outcome.scored} known already" if outcome.scored < outcome.networks else ""
    say(f"{outcome.scored} networks scored in {clock(outcome.seconds)}{known}" + (races if outcome.saved else ""))
    if candidates is not None and outcome.networks < candidates:
        say(f"the recipe ends with {outcome.networks} different networks; for more: --set generations=NUMBER")
    where = f"{found.name}" + (f" --runs {runs}" if runs != RUNS else "")
    say(f"next: spacelang eval best --run {where}, or spacelang export best -o model/ --run {where}")


def _recipe(run: Run, lowered: Lowered, measures: Measures, given: Sequence[Bound], settings: list[str]) -> Evolve:
    """The run's recipe with what the command line changes: a bound replaces those on the same measure."""
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
        if bound.measure not in lowered.chain.measures:
            fail(
                f"the recipe of {lowered.space.name} wants {bound}, and no table says what networks take",
                f"spacelang measure SPACE.space -o {bound.measure}.json, then: spacelang evolve {run.name} "
                f"--cost {bound.measure}.json",
            )
    return attrs.evolve(recipe, bounds=joined([*kept, *given]))


def feasible(lowered: Lowered, asked: tuple[Bound, ...], measures: Measures) -> None:
    """Refuse bounds that no network meets: with what the closest network spends, and the values that can be met."""
    from spacelang.check.spending import Near, ends, unmet
    from spacelang.lower.bounds import nearest, windows
    from spacelang.lower.draw import draw, stream

    bounds = windows(asked)
    if len(draw(lowered.chain, 1, stream(0), bounds=bounds)):
        return
    if measures.tables:
        name, wanted = lowered.space.name, " and ".join(map(measures.within, asked))
        fail(f"no network of {name} has {wanted}", nearest_known(lowered.chain, bounds, measures))
    near = {bound.measure: nearest(lowered.chain, bound.measure, bounds) for bound in asked}
    known = {measure: Near(found.below, found.above) for measure, found in near.items()}
    refusal = unmet(asked, known, ends(lowered.space, lowered.legal))
    fail(refusal.message, "\n".join((refusal.help, *refusal.notes)))


def _search(
    run: Run, wide: Lowered, lowered: Lowered, recipe: Evolve, method: Method, crew: Crew, images: int | None
) -> Outcome | None:
    """Search `lowered` on the supernet of `wide`, of which it is a part; None in a process that only helps."""
    from spacelang_runtime.search.crew import Waves, follow
    from spacelang_runtime.search.decoded import decoded
    from spacelang_runtime.search.evolve import evolve as search
    from spacelang_runtime.search.images import place
    from spacelang_runtime.search.scoring import Scorer
    from spacelang_runtime.search.trained import trained_at, unfinished
    from spacelang_runtime.training.start import dataset_of

    tell = say if crew.leads else lambda _: None
    model, step = trained_at(run, wide, crew.device)
    if said := unfinished(run):
        tell(said)
    dataset = dataset_of(run, tell, min(16, (os.cpu_count() or 1) - 1))
    held_out = place(decoded(dataset, images, tell), dataset.frame, crew.device)
    scorer = Scorer(model, held_out, dataset.normalise)
    if not crew.leads:
        follow(crew, scorer.judge, len(held_out))
        return None
    with resumable(), board(f"evolve {run.name}") as watch:
        return search(run, lowered, recipe, method, Waves(crew, scorer.judge, len(held_out)), step, watch)
