"""A refinement as one page of HTML that needs nothing else: the figures, the numbers, and what moved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from spacelang.drawing import svg
from spacelang.expression import Number, decimal
from spacelang.refine.account import Account
from spacelang.refine.evidence import options, said
from spacelang.refine.figure import distributions, moved, slopes
from spacelang.refine.move import Move, signed

_STYLE = """
body { font: 15px/1.5 sans-serif; color: #222; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { text-align: left; padding: .2rem .9rem .2rem 0; border-bottom: 1px solid #ddd; vertical-align: top; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
.moves { font-weight: bold; }
.quiet { color: #777; }
code { overflow-wrap: anywhere; }
svg { max-width: 100%; height: auto; }
"""


def page(accounts: Sequence[Account]) -> str:
    """The page of one measured space, or of several that follow one another."""
    names = " → ".join(account.space for account in accounts)
    parts = [
        "<!doctype html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{escape(names)}</title>',
        f"<style>{_STYLE}</style></head><body>",
        f"<h1>{escape(names)}</h1>",
        *_summary(accounts),
        svg(distributions(accounts)),
    ]
    if any(account.moves for account in accounts):
        parts.append(svg(moved(accounts)))
    for account in accounts:
        parts += [f"<h2>{escape(account.space)}</h2>", *_moves(account)]
        if account.moves:
            parts.append(svg(slopes(account)))
    return "\n".join([*parts, "</body></html>", ""])


def _summary(accounts: Sequence[Account]) -> Iterator[str]:
    yield (
        "<p>Errors are of networks with the weights that they inherit, on held-out images. The E-T error is half "
        "the mean error and half that of the best share; intervals are over the draws.</p>"
    )
    searched = any(account.best for account in accounts)
    heads = ["space", "run", "E-T error, %", "mean, %", "best share, %", "networks", "images", "bounds"]
    heads += ["best found: error, %", "MACs", "network"] if searched else []
    yield f"<table><tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr>"
    for account in accounts:
        q = account.quality
        bounds = ", ".join(_bound(b.low, b.measure, b.high) for b in account.bounds) or "none"
        cells = [account.space, account.run, said(q.error), said(q.mean), said(q.top)]
        cells += [str(account.scored), str(account.images), bounds]
        if searched and account.best:
            best = account.best
            cells += [f"{100 * best.error:.2f}", f"{best.flops:,}", best.line]
        yield f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
    yield "</table>"


def _bound(low: Number | None, measure: str, high: Number | None) -> str:
    left, right = (
        "" if end is None else f"{int(end):,}" if end.denominator == 1 else decimal(end) for end in (low, high)
    )
    left, right = left and f"{left} ≤ ", right and f" ≤ {right}"
    return f"{left}{measure}{right}"


def _moves(account: Account) -> Iterator[str]:
    heads = ("stage", "dimension", "options", "slope, points a step", "steps", "become", "")
    yield f"<table><tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr>"
    for move in account.moves:
        yield _row(move)
    for one in account.left:
        cells = "".join(
            f"<td>{cell}</td>"
            for cell in (one.stage or "network", one.dimension, "", "", "", "", escape(one.reason))
        )
        yield f'<tr class="quiet">{cells}</tr>'
    yield "</table>"


def _row(move: Move) -> str:
    part = move.slope.part
    cells = (
        str(part.stage or "network"),
        part.dimension,
        options(move.before),
        said(move.slope.slope),
        signed(move.taken) if move.taken else "stays",
        options(move.after) if move.taken else "",
        move.reason,
    )
    kind = "moves" if move.taken else ""
    return f'<tr class="{kind}">{"".join(f"<td>{escape(cell)}</td>" for cell in cells)}</tr>'
