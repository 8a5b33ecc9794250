"""A run, shown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from spacelang import notation
from spacelang.amount import clock, counted, short
from spacelang.api.finish import finished as told_of
from spacelang.cli.finish import show as show_finished
from spacelang.cli.terminal import console, grid
from spacelang.lower.cost import MEASURES
from spacelang.recipe import Bound
from spacelang.runs import called, resuming

if TYPE_CHECKING:
    from spacelang_runtime.engine.finished import FinishResult
    from spacelang_runtime.engine.run import RunFolder


def _bound(bound: Bound) -> str:
    """A bound as it was asked for: `flops <= 4.50G`. What a table measures, only the table knows the units of."""
    return str(bound) if bound.measure in MEASURES else f"a bound on {bound.measure}"


def _judged(run: RunFolder) -> str | None:
    """How good the run's space was found, if it has been judged by this version."""
    from spacelang.refinement.account import from_json
    from spacelang.refinement.evidence import said

    path = run.folder / "judgement.json"
    try:
        found = from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    bounds = " and ".join(map(_bound, found.bounds))
    within = f" of {bounds}" if bounds else ""
    return f"judged    E-T error {said(found.quality.error)} % of {counted(len(found.errors), 'network')}{within}"


def show(run: RunFolder, as_json: bool) -> None:
    """Print how far a run has come, the best of its last search, and what was finished of it."""
    from spacelang_runtime.engine.finished import results
    from spacelang_runtime.search.account import account_of, bound_of
    from spacelang_runtime.search.journal_file import look
    from spacelang_runtime.search.target import best_of

    record, state = run.record, run.state
    found = best_of(run) if (run.folder / "best.json").exists() else None
    with look(run.folder) as journal:
        searches, scores = journal.counts()
        last, unended = journal.last(), journal.unended()
        account = account_of(last.account) if last else {"bounds": [], "score": "loss"}
        leaders = journal.best(5, account["score"])
        ended = journal.generations(last) if last else []
        bounds = [_bound(bound_of(bound)) for bound in account["bounds"]]
    finished = results(run)
    if as_json:
        print(
            json.dumps(
                {
                    "run": run.name,
                    "space": record.space,
                    "data": record.data.name,
                    "preview": record.preview,
                    "created": record.created,
                    "step": state.step if state else 0,
                    "steps": state.limits.steps if state else record.limits.steps,
                    "finished": state.finished if state else False,
                    "losses": state.losses if state else {},
                    "searches": searches,
                    "scores": scores,
                    "bounds": account["bounds"],
                    "generations": len(ended),
                    "best": run.best,
                    "finishes": [row for one in finished for row in told_of(one).records()],
                },
                indent=2,
            )
        )
        return
    out = console()
    preview = "   PREVIEW: its numbers mean nothing" if record.preview else ""
    out.print(f"[bold]{run.name}[/]   space {record.space}, {record.data.name}, {record.device}{preview}")
    alone = record.task == "finetune"
    again = resuming(run.folder, alone)
    if state is None and run.checkpoint.exists():  # it was killed between the two
        out.print(f"trained   until its first checkpoint; if it was stopped: {again}")
    elif state is None:
        out.print("training has kept no checkpoint yet")
    else:
        on = f"not finished; if it was stopped: {again}"
        status = (f"finished; its model: {again}" if alone else "finished") if state.finished else on
        losses = ", ".join(f"{kind} {loss:.3f}" for kind, loss in state.losses.items())
        out.print(
            f"trained   {counted(state.step, 'step')} in {clock(state.elapsed)}, {status}; last losses: {losses}"
        )
        if inside := run.space.train.bounds:
            out.print(f"          for networks of {' and '.join(map(str, inside))}")
        if state.skipped:
            out.print(f"          skipped {counted(state.skipped, 'step')}, whose loss was not finite")
    if judged := _judged(run):
        out.print(judged)
    if not leaders:
        out.print(f"searched  not yet: spacelang evolve {called(run.folder)}")
        _finished(finished)
        return
    status = "ended" if last and last.ended else "not ended; if it was stopped, the same command goes on"
    within = f" with {' and '.join(bounds)}" if bounds else ""
    out.print(
        f"searched  {'once' if searches == 1 else f'{searches} times'}, {counted(scores, 'network')} looked at"
    )
    generations = counted(len(ended), "generation")
    out.print(f"          the last search{within}: {generations}, {status}; its best:")
    out.print()
    body = [
        [
            s.entry.architecture[:8],
            "" if s.loss is None else f"{s.loss:.4f}",
            f"{s.accuracy:.2%}",
            f"{s.correct}/{s.images}",
            short(s.entry.flops),
            short(s.entry.params),
        ]
        for s in leaders
    ]
    out.print(grid(["name", "loss", "held out", "right", "MACs", "params"], body))
    out.print()
    if found is not None:
        out.print(notation.write(found), soft_wrap=True)
        out.print(f"take it home: spacelang export best -o model/ --run {called(run.folder)}")
    if unended is not None:
        more = [_bound(bound_of(bound)) for bound in account_of(unended.account)["bounds"]]
        within = f" with {' and '.join(more)}" if more else ""
        out.print(f"another search{within} has begun and not ended; if it was stopped, the same command goes on")
    _finished(finished)


def _finished(results: Sequence[FinishResult]) -> None:
    """Print what was finished, where anything was."""
    if results:
        console().print()
        console().print("finished, trained on alone: export and eval take these weights")
        console().print()
        show_finished(results)
