"""A refinement as one page of HTML that needs nothing else: the figures, the numbers, and what moved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from spacelang import html
from spacelang.amount import short
from spacelang.canvas import svg
from spacelang.expression import Number, decimal
from spacelang.html import Node, TableRow, element, figure, section, table
from spacelang.refinement.account import Account, Costs
from spacelang.refinement.evidence import options, said
from spacelang.refinement.figures import distributions, moved, slopes
from spacelang.refinement.loop import Outcome, Trial
from spacelang.refinement.move import Move, signed


def page(accounts: Sequence[Account], outcome: Outcome | None = None) -> str:
    """The page of one measured space, or of several that follow one another. outcome: of a refinement, how it
    went."""
    body = [
        *_summary(accounts),
        *([] if outcome is None else _course(outcome)),
        figure(svg(distributions(accounts))),
    ]
    if any(account.moves for account in accounts):
        body.append(figure(svg(moved(accounts))))
    body += [section(account.space, *_moves(account)) for account in accounts]
    return html.page(" → ".join(account.space for account in accounts), *body)


def _summary(accounts: Sequence[Account]) -> Iterator[Node]:
    yield element(
        "p",
        "Errors are of networks with the weights that they inherit, on held-out images. The E-T error is half "
        "the mean error and half that of the best share; intervals are over the draws.",
    )
    heading = ["space", "run", "E-T error, %", "mean, %", "best share, %", "networks", "images", "bounds"]
    yield table(heading, map(_measured, accounts))
    if any(account.counted or account.nats or account.to_come for account in accounts):
        to_come = any(account.to_come for account in accounts)
        more = ", and as expected once all is learned" if to_come else ""
        yield element("p", f"The same by errors counted and by losses{more}.")
        heading = ["space", "E-T error counted, %", "E-T loss, nats"]
        heading += ["E-T error to come, %", "left of a gap, doubled"] if to_come else []
        yield table(heading, [_rulers(account)[: len(heading)] for account in accounts])
    if any(account.footing for account in accounts):
        yield element("p", "What these errors stand on, and what a search finds inside the same bounds.")
        heading = ["space", "networks", "largest: params", "smallest", "drawn: MACs", "drawn: params", "steps"]
        searched = any(account.best for account in accounts)
        heading += ["trained", "E-T error, %"]
        heading += ["best found: error, %", "MACs", "and finished, %", "network"] if searched else []
        yield table(heading, [_footing(account)[: len(heading)] for account in accounts])


def _measured(account: Account) -> list[Node]:
    q = account.quality
    bounds = ", ".join(_bound(b.low, b.measure, b.high) for b in account.bounds) or "none"
    cells: list[Node] = [account.space, account.run, said(q.error), said(q.mean), said(q.top)]
    return [*cells, str(len(account.errors)), str(account.images), bounds]


def _rulers(account: Account) -> list[Node]:
    nats = account.nats.error if account.nats else None
    return [
        account.space,
        said(account.counted.error) if account.counted else "",
        f"{nats.value:.4f} [{nats.low:.4f}, {nats.high:.4f}]" if nats else "",
        said(account.to_come.error) if account.to_come else "",
        f"{account.curve.rate:.2f}" if account.curve else "",
    ]


def _footing(account: Account) -> list[Node]:
    footing, best, finished = account.footing, account.best, account.finished
    found: list[Node] = [f"{100 * best.error:.2f}", f"{best.flops:,}"] if best else ["", ""]
    found += [f"{100 * finished.error:.2f}" if finished else "", element("code", best.line) if best else ""]
    if footing is None:
        return [account.space, *[""] * 7, said(account.quality.error), *found]
    return [
        account.space,
        short(footing.networks),
        f"{footing.largest:,}",
        f"{footing.smallest:,}",
        _costs(footing.flops),
        _costs(footing.params),
        f"{footing.steps:,}",
        f"{footing.seconds:.0f} s",
        said(account.quality.error),
        *found,
    ]


def _costs(costs: Costs) -> str:
    """`412K (300K to 450K)`."""
    return f"{short(round(costs.mean))} ({short(costs.least)} to {short(costs.most)})"


def _course(outcome: Outcome) -> Iterator[Node]:
    """Which space was moved from which, which was kept, and why it ends."""
    heading = ("", "space", "moved from", "moves", "E-T error less that of the one before, points", "")
    yield table(heading, [_trial(outcome, trial) for trial in outcome.trials])
    if outcome.reason:
        taken_back = (
            f"; {outcome.refusals} of {len(outcome.trials) - 1} taken back" if len(outcome.trials) > 1 else ""
        )
        yield element("p", f"It ends with {outcome.answer.candidate.name}: {outcome.reason}{taken_back}.")
    if outcome.held:
        held = ", ".join(
            f"{f'stage {stage}' if stage else 'network'} {dimension}" for stage, dimension in outcome.held
        )
        yield element("p", f"Held, since they were taken back alone: {held}.")


def _trial(outcome: Outcome, trial: Trial) -> TableRow:
    candidate = trial.candidate
    parent = outcome.trials[candidate.parent - 1].candidate.name if candidate.parent else ""
    cells = (
        str(candidate.number),
        candidate.name,
        parent,
        ", ".join(f"{move.slope.part.name} {signed(move.taken)}" for move in candidate.moves),
        said(trial.difference) if trial.difference else "",
        verdict(trial),
    )
    best = outcome.reason and candidate.number == outcome.best
    return TableRow(cells, "strong" if best else "" if trial.kept else "quiet")


def verdict(trial: Trial) -> str:
    """What became of a space, in a word."""
    return "the first" if trial.difference is None else "kept" if trial.kept else "taken back"


def record(trial: Trial) -> dict[str, Any]:
    """What is told of a space that was tried, for a program. Errors are shares."""
    candidate, account = trial.candidate, trial.finding.account
    found: dict[str, Any] = {
        "number": candidate.number,
        "space": candidate.name,
        "run": account.run,
        "parent": candidate.parent,
        "verdict": verdict(trial),
        "difference": trial.difference and trial.difference.value,
        "difference_low": trial.difference and trial.difference.low,
        "difference_high": trial.difference and trial.difference.high,
        "moves": {move.slope.part.name: move.taken for move in candidate.moves},
        "error": account.quality.error.value,
        "error_low": account.quality.error.low,
        "error_high": account.quality.error.high,
        "counted": account.counted and account.counted.error.value,
        "loss": account.nats and account.nats.error.value,
        "to_come": account.to_come and account.to_come.error.value,
        "best": account.best and account.best.error,
        "finished": account.finished and account.finished.error,
        "line": account.best and account.best.line,
    }
    footing = account.footing
    if footing is not None:
        found |= {"networks": footing.networks, "params": footing.largest, "steps": footing.steps}
        found |= {
            "seconds": footing.seconds,
            "flops_drawn": footing.flops.mean,
            "params_drawn": footing.params.mean,
        }
    return found


def _bound(low: Number | None, measure: str, high: Number | None) -> str:
    left, right = (
        "" if end is None else f"{int(end):,}" if end.denominator == 1 else decimal(end) for end in (low, high)
    )
    left, right = left and f"{left} ≤ ", right and f" ≤ {right}"
    return f"{left}{measure}{right}"


def _moves(account: Account) -> Iterator[Node]:
    counted = {(s.part.stage, s.part.dimension): said(s.slope) for s in account.counted_slopes}
    heading = ("stage", "dimension", "options", "slope, points a step", "by errors counted", "steps", "become", "")
    left = [
        TableRow((one.stage or "network", one.dimension, "", "", "", "", "", one.reason), "quiet")
        for one in account.left
    ]
    yield table(heading, [*(_row(move, counted) for move in account.moves), *left])
    if account.moves:
        yield figure(svg(slopes(account)))


def _row(move: Move, counted: Mapping[tuple[int, str], str]) -> TableRow:
    part = move.slope.part
    cells = (
        part.stage or "network",
        part.dimension,
        options(move.before),
        said(move.slope.slope),
        counted.get((part.stage, part.dimension), ""),
        signed(move.taken) if move.taken else "stays",
        options(move.after) if move.taken else "",
        move.reason,
    )
    return TableRow(cells, "strong" if move.taken else "")
