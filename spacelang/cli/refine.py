"""`spacelang refine`: train a space, judge it, move its options, and again."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from spacelang.api.error import SpaceError
from spacelang.api.load import made
from spacelang.api.refine import gone_through
from spacelang.api.refine_request import refine_request
from spacelang.api.supernets import RefinementObservers, RefinementOptions, leading
from spacelang.api.train_request import fits_digits
from spacelang.api.trained import silent
from spacelang.check import override
from spacelang.cli.board import board
from spacelang.cli.diff import show as show_difference
from spacelang.cli.judgement import show
from spacelang.cli.judgement import watching as judging
from spacelang.cli.options import (
    Device,
    ErrorScore,
    ImagesOption,
    NewData,
    RefineSettings,
    Runs,
    TestSeed,
    TestShareOption,
    TheirParams,
    Workers,
    bounding,
    updates,
)
from spacelang.cli.resumable import resumable
from spacelang.cli.terminal import console, fail, grid, refused, say, say_once
from spacelang.cli.texts import open_text, told
from spacelang.cli.training import watching
from spacelang.refinement.loop import Outcome
from spacelang.runs import RUNS


def refine(
    space: Annotated[Path, typer.Argument(help="A .space file: where to begin.")],
    rounds: Annotated[
        int | None, typer.Option(min=0, help="How many next spaces are tried (default: as its recipe says).")
    ] = None,
    data: NewData = None,
    test_share: TestShareOption = None,
    test_seed: TestSeed = 0,
    flops: Annotated[str | None, bounding("flops", "MACs of the networks drawn")] = None,
    params: TheirParams = None,
    steps: Annotated[
        int | None, typer.Option(parser=updates, metavar="COUNT", help="Updates of each training: 600, or 20K.")
    ] = None,
    budget: Annotated[str | None, typer.Option(help="Time of each training, such as 90s, 10m or 1.5h.")] = None,
    settings: RefineSettings = None,
    train: Annotated[
        list[str] | None,
        typer.Option("--train", metavar="NAME=VALUE", help="Change a line of the train recipe, such as seed=1."),
    ] = None,
    images: ImagesOption = None,
    score: ErrorScore = None,
    rule: Annotated[
        str, typer.Option(help="guarded, extrapolated, or paper: what moves are made by, and whether taken back.")
    ] = "guarded",
    inherit: Annotated[
        bool, typer.Option("--inherit", help="Begin each training with what the last supernet has in common.")
    ] = False,
    search: Annotated[
        bool, typer.Option("--evolve", help="Also search each space for its best network within the bounds.")
    ] = False,
    finish: Annotated[
        str | None,
        typer.Option(metavar="SHARE", help="Then train each best on, alone: for 5% of the supernet's seconds."),
    ] = None,
    into: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where the next spaces are written (default: beside it).")
    ] = None,
    device: Device = "auto",
    workers: Workers = None,
    runs: Runs = RUNS,
) -> None:
    """Search the space itself: train it, judge it, move its options against their slopes, and again.

    A move that makes the space worse is taken back. Each next space that is kept is a .space file, NAME_2, NAME_3,
    …, that can be read, changed and trained by itself. A refinement that was stopped goes on when the same command
    is given again; under torchrun it trains and judges on many GPUs.
    """
    source = open_text(space)
    whole = told(source)
    if isinstance(whole, SpaceError):
        fail(f"{source.name} has errors")
    first = whole.checked
    try:
        changed = override.settings(train or [])
        override.train_with(first.train, changed, lambda line: say_once(f"warning: {line}"))
    except override.NotASetting as reason:
        raise typer.BadParameter(str(reason), param_hint="--train") from None
    small = data is None and not fits_digits(first)
    if small:
        say_once("no --data: a PREVIEW on the built-in digits, resized. Its numbers mean nothing.")
    asked = refine_request(
        data,
        test_share=test_share,
        test_seed=test_seed,
        flops=flops,
        params=params,
        steps=steps,
        budget=budget,
        settings=settings,
        train=changed,
        images=images,
        score=score,
        rule=rule,
        inherit=inherit,
        search=search,
        finish=finish,
        preview=small,
    )
    watched = RefinementObservers(watching(), judging, lambda run: board(f"evolve {run.name}"))
    options = RefinementOptions(watched, device, workers, runs, say if leading() else silent, tuple(sys.argv[1:]))
    with resumable(), refused():
        done = gone_through(source, asked, options, rounds, into, _seen)
    if leading():
        _end(done.outcome)
        say(f"figures: {done.folder / 'report.html'}")


def _seen(now: Outcome) -> None:
    if not now.reason:
        _show(now)


def _show(now: Outcome) -> None:
    """Print what was found of the space that was tried last, and what became of it."""
    from spacelang.refinement.evidence import said
    from spacelang.refinement.report import verdict

    trial = now.trials[-1]
    account = trial.finding.account
    out = console()
    out.print()
    show(account)
    for what, best in (("found", account.best), ("finished", account.finished)):
        if best is not None:
            out.print(
                f"best {what}: {1 - best.error:.2%} right of the held-out images, {best.line}", soft_wrap=True
            )
    if trial.difference is not None:
        before = now.trials[(trial.candidate.parent or 1) - 1].candidate
        error = "E-T error to come" if account.to_come else "E-T error"
        out.print(
            f"[bold]{trial.candidate.name}[/] is {verdict(trial)}: its {error} less that of {before.name} is "
            f"{said(trial.difference)} points",
            soft_wrap=True,
        )
        show_difference(made(before.source).diff(made(trial.candidate.source)))


def _end(outcome: Outcome) -> None:
    from spacelang.refinement.evidence import said
    from spacelang.refinement.report import verdict

    accounts = [trial.finding.account for trial in outcome.trials]
    to_come = any(account.to_come for account in accounts)
    columns: dict[str, list[str]] = {
        "space": [account.space for account in accounts],
        "run": [account.run for account in accounts],
        "E-T error, %": [said(account.quality.error) for account in accounts],
    }
    if to_come:
        columns["E-T error to come, %"] = [said(one.to_come.error) if one.to_come else "–" for one in accounts]
    columns[f"{'to come' if to_come else 'E-T error'}, less the one before"] = [
        said(trial.difference) if trial.difference else "–" for trial in outcome.trials
    ]
    columns[""] = list(map(verdict, outcome.trials))
    for heading, found in (("best found, %", "best"), ("finished, %", "finished")):
        errors = [getattr(account, found) for account in accounts]
        if any(errors):
            columns[heading] = [f"{100 * one.error:.2f}" if one else "–" for one in errors]
    out = console()
    out.print()
    out.print(grid(list(columns), list(map(list, zip(*columns.values(), strict=True)))))
    taken = f"{outcome.refusals} taken back" if outcome.refusals else "none taken back"
    say(f"{outcome.answer.candidate.name}: {outcome.reason}; {taken}")
