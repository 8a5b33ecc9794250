"""What a search of a run has found, for a person and for a program."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import attrs

from spacelang import notation
from spacelang.amount import clock, counted
from spacelang.api.finish import finished as of_front
from spacelang.api.measures import LABELS, Measures
from spacelang.cli.finish import share_shown, shown
from spacelang.cli.finish import show as show_finished
from spacelang.cli.terminal import console, grid, say
from spacelang.runs import called

if TYPE_CHECKING:
    from spacelang.lower.lowered import Lowered
    from spacelang.recipe import Evolve
    from spacelang_runtime.app.search import SearchRequest
    from spacelang_runtime.engine.finished import FinishResult
    from spacelang_runtime.engine.run import RunFolder
    from spacelang_runtime.search.outcome import SearchOutcome

_FEW = 10**6  # networks of a space that a search could exhaust


def show_outcome(
    request: SearchRequest, outcome: SearchOutcome, measures: Measures, finished: Sequence[FinishResult]
) -> None:
    """Print what one search has found, and what to do with it."""
    run, best = request.run, outcome.best
    ((recipe, method),) = request.searches
    preview = "PREVIEW  " if run.record.preview else ""
    costs = [
        f"{measures.short(measure, value)} {LABELS.get(measure, measure)}" for measure, value in best.costs.items()
    ]
    print(
        f"{preview}best: {best.architecture.name}  {outcome.accuracy:.2%} of "
        f"{counted(outcome.images, 'held-out image')}, loss {outcome.loss:.4f}, " + ", ".join(costs)
    )
    print(notation.write(best.architecture))
    if outcome.whole is not None:
        print(outcome.whole.said)
    if outcome.front:
        print_front(outcome, measures)
    print_finalists(outcome, measures)
    images = outcome.spent / outcome.networks
    known = f", {outcome.networks - outcome.scored} known already" if outcome.scored < outcome.networks else ""
    say(
        f"{counted(outcome.networks, 'network')} in {clock(outcome.seconds)}, {images:.0f} images each of "
        f"{outcome.images} on average{known}"
    )
    if outcome.finalists and len(outcome.finalists) < method.finalists:
        say(f"finalists: {len(outcome.finalists)}, and not {method.finalists}: there are no more networks")
    if outcome.doubt is not None:
        tau, rival = outcome.doubt
        times = f"{outcome.doubts} generation{'s' if outcome.doubts > 1 else ''}"
        say(
            f"the predictor was dropped after {times}: tau {tau:.2f} on networks it had not seen, costs {rival:.2f}"
        )
    if method.budget is not None and outcome.networks < method.budget:
        say(_fewer(request.lowered, recipe, outcome.networks))
    if finished:
        show_finished(finished)
    where = called(run.folder)
    say(f"next: spacelang eval best --run {where}, or spacelang export best -o model/ --run {where}")


def outcome_as_json(
    run: RunFolder, outcome: SearchOutcome, measures: Measures, finished: Sequence[FinishResult]
) -> str:
    """What one search has found, for a program."""
    from spacelang.architecture import to_json

    best = outcome.best
    told = {
        "run": run.name,
        "preview": run.record.preview,
        "name": best.architecture.name,
        "line": notation.write(best.architecture),
        "accuracy": outcome.accuracy,
        "loss": outcome.loss,
        "estimate": attrs.asdict(outcome.estimate) if outcome.estimate else None,
        "whole": outcome.whole.record() if outcome.whole else None,
        **{measure: measures.plain(measure, value) for measure, value in best.costs.items()},
        "images": {"spent": outcome.spent, "saved": outcome.saved},
        "level": [
            {"name": one.candidate.architecture.name, "loss": one.loss, "apart": one.apart} for one in outcome.level
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
        **({"finished": _record(finished[0])} if finished else {}),
    }
    return json.dumps(told, indent=2)


def show_budgets(
    run: RunFolder,
    asked: Sequence[object],
    outcomes: Sequence[SearchOutcome],
    finished: Sequence[FinishResult],
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
                "whole": outcome.whole.record() if outcome.whole else None,
                **{name: measures.plain(name, value) for name, value in outcome.best.costs.items()},
                **({"finished": _record(own)} if own else {}),
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
    say(f"{counted(networks, 'network')} in {counted(len(outcomes), 'search')}, {clock(seconds)}")
    where, best = called(run.folder), outcomes[-1].best.architecture.name
    say(f"best of the run is now {best}, of the last search; each is exported by its name:")
    say(f"next: spacelang export {outcomes[0].best.architecture.name} -o model/ --run {where}")


def _record(one: FinishResult) -> object:
    return of_front(one).records()[0]


def _fewer(lowered: Lowered, recipe: Evolve, networks: int) -> str:
    """Why a search ended with fewer networks than were asked for."""
    from spacelang.lower.bounds import windows
    from spacelang.lower.count import count

    inside = " inside the bounds" if recipe.bounds else ""
    if lowered.count <= _FEW and count(lowered.chain, windows(recipe.bounds, lowered.chain)) == networks:
        return (
            f"the space is exhausted: it has {counted(networks, 'network')}{inside}, and all of them were looked at"
        )
    return f"the recipe ends with {counted(networks, 'different network')}; for more: --set generations=NUMBER"


def print_front(outcome: SearchOutcome, measures: Measures) -> None:
    """The networks of a front, from the least accurate on."""
    names = list(outcome.best.costs)
    rows = [
        [candidate.architecture.name, f"{correct / outcome.images:.2%}"]
        + [measures.short(name, candidate.costs[name]) for name in names]
        for candidate, correct in outcome.front
    ]
    console().print(grid(["name", "held out", *(LABELS.get(name, name) for name in names)], rows))
    say(f"hypervolume {outcome.volume:.4f} of the field from accuracy 0 at the highest cost to 1 at the lowest")


def print_finalists(outcome: SearchOutcome, measures: Measures) -> None:
    """The finalists that cannot be told from the best, and what the best is to be expected to do on other
    images."""
    if level := outcome.level:
        names = list(outcome.best.costs)
        rows = [
            [
                one.candidate.architecture.name,
                f"{one.loss:.4f}",
                f"{one.accuracy:.2%}",
                between(one.apart or (0, 0)),
            ]
            + [measures.short(name, one.candidate.costs[name]) for name in names]
            for one in level
        ]
        say("not told from the best (95 % interval of the difference):")
        heads = ["name", "loss", "held out", "worse by", *(LABELS.get(name, name) for name in names)]
        console().print(grid(heads, rows))
    estimate = outcome.estimate
    if estimate is None:
        say("all held-out images were read: there are none left to say what the best does on others")
        return
    low, high = estimate.accuracy
    share = estimate.correct / estimate.images
    say(f"on {counted(estimate.images, 'image')} that chose nothing: {share:.2%} [{low:.2%}, {high:.2%}]")


def between(interval: tuple[float, float]) -> str:
    """An interval: `[-0.0012, 0.0180]`."""
    return f"[{interval[0]:.4f}, {interval[1]:.4f}]"
