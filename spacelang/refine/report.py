"""A refinement as one page of HTML that needs nothing else: the figures, the numbers, and what moved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from spacelang import html
from spacelang.canvas import svg
from spacelang.expression import Number, decimal
from spacelang.html import Node, TableRow, element, figure, section, table
from spacelang.refine.account import Account
from spacelang.refine.evidence import options, said
from spacelang.refine.figures import distributions, moved, slopes
from spacelang.refine.move import Move, signed


def page(accounts: Sequence[Account]) -> str:
    """The page of one measured space, or of several that follow one another."""
    body = [*_summary(accounts), figure(svg(distributions(accounts)))]
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
    searched = any(account.best for account in accounts)
    heading = ["space", "run", "E-T error, %", "mean, %", "best share, %", "networks", "images", "bounds"]
    heading += ["best found: error, %", "MACs", "network"] if searched else []
    yield table(heading, map(_measured, accounts))


def _measured(account: Account) -> list[Node]:
    q = account.quality
    bounds = ", ".join(_bound(b.low, b.measure, b.high) for b in account.bounds) or "none"
    cells: list[Node] = [account.space, account.run, said(q.error), said(q.mean), said(q.top)]
    cells += [str(account.scored), str(account.images), bounds]
    if best := account.best:
        cells += [f"{100 * best.error:.2f}", f"{best.flops:,}", element("code", best.line)]
    return cells


def _bound(low: Number | None, measure: str, high: Number | None) -> str:
    left, right = (
        "" if end is None else f"{int(end):,}" if end.denominator == 1 else decimal(end) for end in (low, high)
    )
    left, right = left and f"{left} ≤ ", right and f" ≤ {right}"
    return f"{left}{measure}{right}"


def _moves(account: Account) -> Iterator[Node]:
    heading = ("stage", "dimension", "options", "slope, points a step", "steps", "become", "")
    left = [
        TableRow((one.stage or "network", one.dimension, "", "", "", "", one.reason), "quiet")
        for one in account.left
    ]
    yield table(heading, [*map(_row, account.moves), *left])
    if account.moves:
        yield figure(svg(slopes(account)))


def _row(move: Move) -> TableRow:
    part = move.slope.part
    cells = (
        part.stage or "network",
        part.dimension,
        options(move.before),
        said(move.slope.slope),
        signed(move.taken) if move.taken else "stays",
        options(move.after) if move.taken else "",
        move.reason,
    )
    return TableRow(cells, "strong" if move.taken else "")
