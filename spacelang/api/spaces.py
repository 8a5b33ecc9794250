"""A space of a refinement, tried: trained, judged, searched and its best network finished; each once, and kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from spacelang import notation
from spacelang.api.finish import FinishOptions, requests
from spacelang.api.judge import recipe_of, warn_of_few
from spacelang.api.panel import NetworkPanel, judged, keep, panel, profiled, told_of
from spacelang.api.refine_request import RefineRequest
from spacelang.api.supernets import SHARES, RefinementOptions, leading, shared, trained
from spacelang.api.trained import silent
from spacelang.lower.cost import price
from spacelang.recipe import Refine
from spacelang.refinement.account import Best, Costs, Footing
from spacelang.refinement.curve import Curve, ToCome, curve, to_come
from spacelang.refinement.kept import from_json, to_json
from spacelang.refinement.loop import CandidateSpace, Finding
from spacelang.runs import AGAIN
from spacelang.space import Space as Checked
from spacelang_runtime.failure import Failure

if TYPE_CHECKING:
    from spacelang.refinement.ruler import PerImageScores
    from spacelang_runtime.app.scoring_setup import ScoringOptions
    from spacelang_runtime.engine.run import RunFolder
    from spacelang_runtime.refine.measure import Measurement
    from spacelang_runtime.refine.refinement import Refinement


def tried(
    asked: RefineRequest,
    options: RefinementOptions,
    refinement: Refinement,
    first: Curve | None,
    candidate: CandidateSpace,
) -> Finding:
    """What is found of a candidate: what was kept of it, or what comes of trying it now. first: how the first space
    learns; None of that one. refinement: names its folder; its record there grows."""
    path = refinement.folder / f"{Path(candidate.source.name).stem}.json"
    kept = shared(options.device, lambda: _kept(path, candidate))
    if kept is not None:
        return kept
    run = trained(asked, options, refinement, candidate, None)
    shares = {"paper": (), "guarded": (), "extrapolated": SHARES if first is None else SHARES[:1]}[asked.rule]
    shorter = [trained(asked, options, refinement, candidate, share) for share in shares]
    by = panel_of(asked, options, run.space, run.record.preview)
    parts = [_measured(asked, options, one, by) for one in shorter]
    whole = _measured(asked, options, run, by)
    best = _searched(asked, options, run, by.recipe) if asked.search or asked.finish else None
    finished = _finished(asked, options, run, best) if asked.finish and best else None

    def found() -> Finding:
        assert whole is not None, "the leading process measures"
        told = told_of(whole)
        if candidate.number == 1:  # of all spaces alike
            warn_of_few(told.losses.shape[1], run, options.say)
        before = [told_of(part) for part in parts if part is not None]
        along, expected = _expected(by, told, before, first)
        account, _ = judged(run, by, candidate.source, told, expected)
        account = attrs.evolve(
            account, curve=along, footing=_footing(by, run, shorter), best=best, finished=finished
        )
        keep(run, account, whole.number)
        found = Finding(account, profiled(by, told, expected))
        _write(path, to_json(found, candidate.source.text))
        return found

    return shared(options.device, found)


def panel_of(asked: RefineRequest, options: RefinementOptions, space: Checked, small: bool) -> NetworkPanel:
    """The networks that a space is judged by. small: in a preview."""
    from spacelang.lower.lowered import lower

    lowered = lower(space)
    bounds = {"flops": asked.flops, "params": asked.params}
    say = options.say if leading() else silent
    return panel(lowered, recipe_of(lowered, small, asked.settings, bounds, asked.score, say))


def _expected(
    by: NetworkPanel, told: PerImageScores, before: list[PerImageScores], first: Curve | None
) -> tuple[Curve | None, ToCome | None]:
    """How the space learns, and what is expected of its networks; before: after a half, and a quarter, of the
    training."""
    if not before:
        return None, None
    along = first or curve(before[1], before[0], told)
    return along, to_come(before[0], told, along, by.samples, by.parts)


def _kept(path: Path, candidate: CandidateSpace) -> Finding | None:
    try:
        return from_json(path.read_text(encoding="utf-8"), candidate.source.text) if path.exists() else None
    except (OSError, ValueError) as reason:
        raise Failure(f"{path} is damaged: {reason}", "move it away: its space is judged anew") from None


def _write(path: Path, text: str) -> None:
    from spacelang_runtime.atomic import replace

    replace(path, lambda file: file.write(text.encode()))


def _measured(
    asked: RefineRequest, options: RefinementOptions, run: RunFolder, by: NetworkPanel
) -> Measurement | None:
    """What the networks of a panel do with the weights of a run; None in a process that only helps. What the run's
    journal has in full needs no weights."""
    from spacelang_runtime.app.scoring_setup import scoring_setup
    from spacelang_runtime.refine.measure import looked_up, measure

    state = run.state
    assert state is not None, "it has been trained"

    def there() -> Measurement | None:
        return looked_up(run, by.samples, by.account, state.step, by.recipe.score) if leading() else None

    if shared(options.device, lambda: there() is not None):
        return there()
    with scoring_setup(run, by.lowered, _place(asked, options), options.say) as where:
        if where is None:
            return None
        with options.watched.judging(run) as watch:
            return measure(run, by.samples, by.account, where.dispatch, where.step, watch, by.recipe.score)


def _searched(asked: RefineRequest, options: RefinementOptions, run: RunFolder, recipe: Refine) -> Best | None:
    """The best network of a space inside the bounds; None in a process that only helps."""
    from spacelang.lower.lowered import lower
    from spacelang_runtime.app.search import SearchRequest, search
    from spacelang_runtime.search.method import Method

    lowered = lower(run.space)
    own = lowered.space.evolve
    how = (attrs.evolve(own, bounds=recipe.bounds), Method(score=asked.score or own.score))
    found = search(
        SearchRequest(run, lowered, lowered, (how,), place=_place(asked, options)),
        options.watched.searching,
        options.say,
    )
    if not found:
        return None
    best = found[0].best
    return Best(notation.write(best.architecture), 1 - found[0].accuracy, best.flops, best.params)


def _finished(asked: RefineRequest, options: RefinementOptions, run: RunFolder, best: Best | None) -> Best | None:
    """The best network of a space trained on alone; None in a process that only helps."""
    from spacelang_runtime.app import learn
    from spacelang_runtime.app.finish import finish

    line = shared(options.device, lambda: best.line if best else "")
    wanted = requests(run, [notation.read(line)], FinishOptions(asked.finish or 0), options.command)
    training = learn.TrainingOptions(options.device, options.workers, again=AGAIN)
    done = finish(wanted, training, options.watched.training, options.say)
    if not done:
        return None
    cost = price(notation.read(line))
    return Best(line, 1 - (done[0].accuracy or 0.0), cost.flops, cost.params)


def _place(asked: RefineRequest, options: RefinementOptions) -> ScoringOptions:
    """Where networks are scored."""
    from spacelang_runtime.app.scoring_setup import ScoringOptions

    return ScoringOptions(options.device, asked.images, workers=options.workers)


def _footing(by: NetworkPanel, run: RunFolder, shorter: list[RunFolder]) -> Footing:
    """What the E-T error of a space stands on."""
    flops = [sample.flops for sample in by.samples if sample.given is None]
    params = [sample.params for sample in by.samples if sample.given is None]
    span = by.lowered.range("params")
    states = [(one.state, one.record.processes) for one in (run, *shorter)]
    return Footing(
        networks=by.lowered.count,
        smallest=int(span.lo),
        largest=int(span.hi),
        flops=_costs(flops),
        params=_costs(params),
        seconds=sum(state.elapsed * processes for state, processes in states if state),
        steps=run.state.step if run.state else 0,
    )


def _costs(spent: list[int]) -> Costs:
    return Costs(sum(spent) / len(spent), min(spent), max(spent))
