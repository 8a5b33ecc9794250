"""Judging the space of a trained supernet: how that is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from spacelang.amount import clock, counted, short
from spacelang.api.judge import Judged
from spacelang.api.measures import LABELS
from spacelang.cli.resumable import resumable
from spacelang.cli.terminal import console, grid, say
from spacelang.cli.watch import progress
from spacelang.recipe import Bound, Refine

if TYPE_CHECKING:
    from spacelang.refinement.account import Account
    from spacelang_runtime.engine.run import RunFolder
    from spacelang_runtime.refine.measure import Progress


@contextmanager
def watching(run: RunFolder) -> Iterator[Callable[[Progress], None]]:
    """What shows a measurement."""
    with resumable(), progress(f"judge {run.name}") as show:

        def watch(at: Progress) -> None:
            rest = at.seconds / at.done * (at.asked - at.done)
            show(at.done / at.asked, f"{counted(at.done, 'network')}  mean error {at.mean:.2%}  {clock(rest)} left")

        yield watch


def say_judged(judged: Judged, recipe: Refine) -> None:
    """Say what the measurement took."""
    if judged.loss is not None:
        told = "errors are those that losses stand for" if recipe.score == "loss" else "errors are those counted"
        say(f"mean loss {judged.loss:.4f}; {told}")
    known = judged.account.scored - judged.scored
    say(f"{counted(judged.scored, 'network')} scored in {clock(judged.seconds)}, {known} known already")


def within(bounds: tuple[Bound, ...]) -> str:
    """Bounds in words: ` of at most 450M MACs`."""
    words = [f"{bound.ends(short)} {LABELS.get(bound.measure, bound.measure)}" for bound in bounds]
    return f" of {' and '.join(words)}" if words else ""


def show(account: Account) -> None:
    """Print how good a space is, and what each of its dimensions is to do."""
    from spacelang.refinement.evidence import options, said
    from spacelang.refinement.move import signed

    out, quality, come = console(), account.quality, account.to_come
    by = " by the weights as they are," if come else ""
    out.print(
        f"[bold]{account.space}[/]: E-T error {said(quality.error)} %{by} of "
        f"{counted(len(account.errors), 'network')}{within(account.bounds)}, on "
        f"{counted(account.images, 'held-out image')}",
        soft_wrap=True,
    )
    share = f"mean {said(quality.mean)}, best {said(quality.top)}"
    out.print(f"{share}; {float(account.confidence):.0%} intervals over the draws", soft_wrap=True)
    if come:
        out.print(
            f"E-T error to come {said(come.error)} %: expected once all is learned, which is what decides",
            soft_wrap=True,
        )
    out.print()
    rows = [
        [
            move.slope.part.where,
            move.slope.part.dimension,
            options(move.before),
            said(move.slope.slope),
            f"{options(move.after)}" if move.taken else "",
            "; ".join(word for word in (signed(move.taken) if move.taken else "stays", move.reason) if word),
        ]
        for move in account.moves
    ]
    rows += [
        [f"stage {one.stage}" if one.stage else "network", one.dimension, "", "", "", f"stays; {one.reason}"]
        for one in account.left
    ]
    out.print(grid(["", "", "options", "slope, points a step", "become", ""], sorted(rows, key=lambda row: row[0])))
