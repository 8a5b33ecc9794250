"""`spacelang refine`: train a space, judge it, move its options, and again."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import attrs
import typer

from spacelang import notation
from spacelang.api.error import SpaceError
from spacelang.api.judge import judge, recipe_of
from spacelang.api.method import score_of
from spacelang.api.time import time_of
from spacelang.check import override
from spacelang.cli.diff import diff
from spacelang.cli.disk import write
from spacelang.cli.judge import written
from spacelang.cli.judgement import say_judged, show
from spacelang.cli.judgement import watching as judging
from spacelang.cli.options import TheirParams, bounding
from spacelang.cli.resumable import AGAIN, resumable
from spacelang.cli.terminal import fail, refused, say, say_once
from spacelang.cli.texts import open_text, told
from spacelang.cli.train import requested
from spacelang.cli.training import watching
from spacelang.recipe import Score
from spacelang.runs import RUNS

if TYPE_CHECKING:
    from spacelang.refine.account import Account
    from spacelang_runtime.app.bench import Bench
    from spacelang_runtime.engine.run import Run
    from spacelang_runtime.refine.refinement import Refinement


@attrs.frozen
class _Asked:
    """What of the command line says how every space is trained and judged."""

    data: str | None
    train: tuple[str, ...]
    steps: int | None
    budget: float | None
    settings: tuple[str, ...]
    flops: str | None
    params: str | None
    images: int | None
    score: Score | None  # None: as the recipes say
    inherit: bool
    search: bool
    device: str  # the outcome does not depend on it

    @property
    def bounds(self) -> dict[str, str | None]:
        """The bounds on the networks that are drawn."""
        return {"flops": self.flops, "params": self.params}


def refine(
    space: Annotated[Path, typer.Argument(help="A .space file: where to begin.")],
    rounds: Annotated[
        int | None, typer.Option(min=1, help="How often the space moves (default: as its recipe says).")
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="A folder with train/CLASS/* and val/CLASS/*, or `digits`.")
    ] = None,
    flops: Annotated[str | None, bounding("flops", "MACs of the networks drawn")] = None,
    params: TheirParams = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Updates of each training.")] = None,
    budget: Annotated[str | None, typer.Option(help="Time of each training, such as 90s, 10m or 1.5h.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="Change a line of the refine recipe, such as samples=200."
        ),
    ] = None,
    train: Annotated[
        list[str] | None,
        typer.Option("--train", metavar="NAME=VALUE", help="Change a line of the train recipe, such as seed=1."),
    ] = None,
    images: Annotated[int | None, typer.Option(min=1, help="Score on so many held-out images only.")] = None,
    score: Annotated[
        str | None, typer.Option(help="What errors are told by, instead of the recipe's line: loss or accuracy.")
    ] = None,
    inherit: Annotated[
        bool, typer.Option("--inherit", help="Begin each training with what the last supernet has in common.")
    ] = False,
    search: Annotated[
        bool, typer.Option("--evolve", help="Also search each space for its best network within the bounds.")
    ] = False,
    into: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where the next spaces are written (default: beside it).")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    workers: Annotated[int | None, typer.Option(min=0, help="Processes that read images.")] = None,
    runs: Annotated[Path, typer.Option(help="The folder of all runs.")] = RUNS,
) -> None:
    """Search the space itself: train it, judge it, move its options against their slopes, and again.

    Each next space is a .space file, NAME_2, NAME_3, …, that can be read, changed and trained by itself; the last
    one is trained and judged too. A refinement that was stopped goes on when the same command is given again.
    """
    from spacelang.lower.lowered import lower
    from spacelang_runtime.engine.lock import remove_empty, sole_writer
    from spacelang_runtime.refine.refinement import begun

    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        fail(
            "a refinement goes on in one process",
            "under torchrun, train and judge each space by itself: spacelang train, spacelang judge --next FILE",
        )
    source = open_text(space)
    whole = told(source)
    if isinstance(whole, SpaceError):
        fail(f"{source.name} has errors")
    first = whole.checked
    asked = _Asked(
        data=data,
        train=tuple(train or ()),
        steps=steps,
        budget=None if budget is None else time_of(budget, "budget"),
        settings=tuple(settings or ()),
        flops=flops,
        params=params,
        images=images,
        score=score_of(score),
        inherit=inherit,
        search=search,
        device=device,
    )
    with refused():
        recipe = recipe_of(lower(first), False, asked.settings, asked.bounds, asked.score, say)
    try:
        override.train_with(first.train, override.settings(asked.train))
    except override.NotASetting as reason:
        raise typer.BadParameter(str(reason), param_hint="--train") from None
    outcome = {k: v for k, v in attrs.asdict(asked).items() if k != "device"} | {"score": recipe.score}
    words = {"space": source.text, **outcome}
    place = begun(runs, first.name, words).folder
    place.mkdir(parents=True, exist_ok=True)
    try:
        with sole_writer(place):
            again = begun(runs, first.name, words)
            _rounds(again, space, rounds or first.refine.rounds, asked, into, runs, workers)
    finally:
        with suppress(OSError):
            remove_empty(place)


def _rounds(
    refinement: Refinement,
    space: Path,
    moves: int,
    asked: _Asked,
    into: Path | None,
    runs: Path,
    workers: int | None,
) -> None:
    """Train and judge one space after the other, as often as it moves."""
    folder = into or (space.parent if space.exists() else Path())
    folder.mkdir(parents=True, exist_ok=True)
    accounts: list[Account] = []
    path = space
    for number in range(moves + 1):
        say(f"{'' if number == 0 else chr(10)}space {number + 1} of {moves + 1}: {path}")
        refinement, run = _trained(refinement, number, path, asked, runs, workers)
        with _bench(run, asked) as where:
            assert where is not None, "a process on its own leads"
            with refused():
                recipe = recipe_of(
                    where.lowered, run.record.preview, asked.settings, asked.bounds, asked.score, say_once
                )
            judged = judge(where, open_text(path), recipe, judging)
            say_judged(judged, recipe)
            account, following = judged.account, judged.following
            show(account)
            account = _searched(where, account, asked.score) if asked.search else account
        accounts.append(account)
        _figures(refinement, accounts)
        if number == moves:
            break
        if following.text is None:
            say("nothing moves: this space is where the loop ends")
            break
        after = folder / f"{_stem(path)}.space"
        written(following, after)
        diff(path, after)
        path = after
    _end(refinement, accounts)


def _stem(path: Path) -> str:
    from spacelang.refine.rewrite import next_name

    return next_name(path.stem)


def _bench(run: Run, asked: _Asked) -> AbstractContextManager[Bench | None]:
    from spacelang.lower.lowered import lower
    from spacelang_runtime.app.bench import Place, bench

    made: AbstractContextManager[Bench | None] = bench(
        run, lower(run.space), Place(asked.device, asked.images), say
    )
    return made


def _trained(
    refinement: Refinement, number: int, path: Path, asked: _Asked, runs: Path, workers: int | None
) -> tuple[Refinement, Run]:
    """The run of a round, trained to its end; and the refinement that knows it."""
    from spacelang_runtime.app.learn import Manner, learn
    from spacelang_runtime.app.train import Resume, train
    from spacelang_runtime.app.workers import readers
    from spacelang_runtime.engine.distributed import join
    from spacelang_runtime.engine.run import find
    from spacelang_runtime.engine.supernet import trained
    from spacelang_runtime.refine.inherit import inherit
    from spacelang_runtime.refine.refinement import Round, keep
    from spacelang_runtime.tasks.supernet.setup import new

    manner = Manner(asked.device, workers, again=AGAIN)
    known = refinement.rounds[number] if number < len(refinement.rounds) else None
    if known is not None and known.run is not None and (runs / known.run).is_dir():
        run = find(runs, known.run)
        if run.source != open_text(path).text:
            fail(
                f"{path} is not what {run.name} was trained on: it was changed since",
                "bring it back; or refine it by itself, as a space of its own",
            )
        if run.state is not None and run.state.finished:
            say(f"{run.name} is trained")
            return refinement, run
        if run.checkpoint.exists():
            train(Resume(run), runs, manner, watching(), say)
            return refinement, run
    request = requested(str(path), asked.data, asked.steps, asked.budget, list(asked.train))
    with join(asked.device) as world:
        setup = new(request, runs, world, readers(workers), say)
        share = None
        if asked.inherit and number:
            from spacelang.lower.lowered import lower

            before = find(runs, refinement.rounds[number - 1].run)
            weights = trained(before, lower(before.space), world.device).state_dict()
            share = inherit(setup.model, weights)
            say(f"{share:.0%} of the weights begin as {before.name} ended")
        rounds = (*refinement.rounds[:number], Round(str(path), setup.run.name, share))
        refinement = attrs.evolve(refinement, rounds=rounds)
        keep(refinement)
        learn(setup, world, manner, watching())
    return refinement, find(runs, setup.run.name)


def _searched(where: Bench, account: Account, score: Score | None) -> Account:
    """The account with the best network of the space inside its bounds."""
    from spacelang.cli.board import board
    from spacelang.refine.account import Best
    from spacelang_runtime.search.evolve import evolve
    from spacelang_runtime.search.method import Method

    recipe = attrs.evolve(where.lowered.space.evolve, bounds=account.bounds)
    method = Method(score=score or recipe.score)
    with resumable(), board(f"evolve {where.run.name}") as watch:
        found = evolve(where.run, where.lowered, recipe, method, where.waves, where.step, watch)
    best, line = found.best, notation.write(found.best.architecture)
    print(f"best: {found.accuracy:.2%} right of {found.images} held-out images, loss {found.loss:.4f}")
    print(line)
    return attrs.evolve(account, best=Best(line, 1 - found.accuracy, best.flops, best.params))


def _figures(refinement: Refinement, accounts: list[Account]) -> None:
    """The page and the figures of all spaces so far."""
    from spacelang.canvas import save
    from spacelang.refine.figures import distributions, moved, slopes
    from spacelang.refine.report import page

    folder = refinement.folder
    write(folder / "report.html", page(accounts))
    canvases = {"distributions": distributions(accounts), "moved": moved(accounts)}
    canvases |= {f"slopes-{account.space}": slopes(account) for account in accounts}
    for name, canvas in canvases.items():
        for suffix in (".svg", ".png"):
            save(canvas, folder / f"{name}{suffix}")


def _end(refinement: Refinement, accounts: list[Account]) -> None:
    from spacelang.cli.terminal import console, grid
    from spacelang.refine.evidence import said

    rows = [
        [
            account.space,
            account.run,
            said(account.quality.error),
            said(account.quality.mean),
            said(account.quality.top),
            f"{100 * account.best.error:.2f}" if account.best else "",
        ]
        for account in accounts
    ]
    out = console()
    out.print()
    out.print(grid(["space", "run", "E-T error, %", "mean, %", "best share, %", "best found, %"], rows))
    say(f"figures: {refinement.folder / 'report.html'}")
