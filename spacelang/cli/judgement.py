"""Judging the space of a trained supernet: its recipe, the measurement, and how that is shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import typer

from spacelang import interchange
from spacelang.amount import clock, short
from spacelang.check import override
from spacelang.check.bounds import joined
from spacelang.cli.bench import Bench
from spacelang.cli.feasible import feasible
from spacelang.cli.measures import LABELS, priced
from spacelang.cli.resumable import resumable
from spacelang.cli.terminal import console, grid, say
from spacelang.cli.watch import progress
from spacelang.language.measures import TIMES
from spacelang.project import loader
from spacelang.recipe import Bound, Refine, Score
from spacelang.source import Source

if TYPE_CHECKING:
    from spacelang.lower.lowered import Lowered
    from spacelang.refine.account import Account
    from spacelang.refine.next import Next
    from spacelang_runtime.engine.run import Run

_PREVIEW = {"samples": 24, "top": 2, "per_choice": 3}


def recipe_of(
    whole: Lowered,
    preview: bool,
    settings: list[str],
    given: Mapping[str, str | None],
    score: Score | None = None,
) -> Refine:
    """A space's refinement recipe with what the command line changes, and with the bounds that hold: its own, or
    those of the search; one that the command line gives replaces that on the same measure. score: instead of the
    recipe's; None: that. Bounds that nothing meets end the command."""
    space = whole.space
    recipe = space.refine
    if preview:
        recipe = attrs.evolve(recipe, **{name: min(most, getattr(recipe, name)) for name, most in _PREVIEW.items()})
    try:
        recipe = override.refine_with(recipe, override.settings(settings))
    except override.NotASetting as reason:
        raise typer.BadParameter(str(reason), param_hint="--set") from None
    recipe = attrs.evolve(recipe, score=score or recipe.score)
    lowered, measures = priced(whole, ())
    stated = measures.bounds(lowered.chain, given)
    replaced = {bound.measure for bound in stated}
    kept = [bound for bound in recipe.bounds or space.evolve.bounds if bound.measure not in replaced]
    for bound in kept:
        if bound.measure in TIMES:
            say(f"{bound} of `evolve` does not bound what is drawn here: a table is of one space, and spaces move")
    kept = [bound for bound in kept if bound.measure not in TIMES]
    recipe = attrs.evolve(recipe, bounds=joined([*kept, *stated]))
    feasible(lowered, recipe.bounds, measures)
    return recipe


def measured(where: Bench, source: Source, recipe: Refine) -> tuple[Account, Next]:
    """Measure the space of a run, and find the next one. source: the text of the space."""
    from spacelang.lower.bounds import windows
    from spacelang.refine.account import Account, to_record
    from spacelang.refine.next import next_space
    from spacelang.refine.sample import drawn
    from spacelang.refine.slope import measured as judged
    from spacelang.refine.subspace import subspaces
    from spacelang_runtime.atomic import replace_json
    from spacelang_runtime.refine.measure import Progress, measure
    from spacelang_runtime.refine.measure import judged as keep

    run, lowered = where.run, where.lowered
    parts, left = subspaces(lowered.space, recipe.steps)
    samples = drawn(lowered, recipe, windows(recipe.bounds, lowered.chain), parts)
    with resumable(), progress(f"judge {run.name}") as show:

        def watch(at: Progress) -> None:
            rest = at.seconds / at.done * (at.asked - at.done)
            show(at.done / at.asked, f"{at.done} networks  mean error {at.mean:.2%}  {clock(rest)} left")

        found = measure(run, samples, _account(lowered, recipe), where.waves, where.step, watch, recipe.score)
    share = recipe.top / recipe.samples
    judgement = judged(samples, found.errors, parts, share, float(recipe.confidence), recipe.seed)
    next_ = next_space(source, recipe, judgement.slopes, loader(source.name))
    account = Account(
        space=lowered.space.name,
        run=run.name,
        step=where.step,
        images=found.images,
        bounds=recipe.bounds,
        threshold=recipe.threshold,
        confidence=recipe.confidence,
        scored=len(samples),
        quality=judgement.quality,
        errors=judgement.errors,
        moves=next_.moves,
        left=left,
        next=next_.name if next_.text else None,
    )
    replace_json(run.folder / "judgement.json", to_record(account))
    keep(run, found.number, to_record(account))
    if found.loss is not None:
        told = "errors are those that losses stand for" if recipe.score == "loss" else "errors are those counted"
        say(f"mean loss {found.loss:.4f}; {told}")
    say(f"{found.scored} networks scored in {clock(found.seconds)}, {len(samples) - found.scored} known already")
    return account, next_


def _account(lowered: Lowered, recipe: Refine) -> str:
    """The space and what its networks are drawn by, as text."""
    drawing = {name: getattr(recipe, name) for name in ("samples", "per_choice", "seed", "bounds")}
    record = {"space": interchange.digest(lowered.space), **drawing}
    return json.dumps(record, default=str, sort_keys=True)


def source_of(run: Run) -> Source:
    """The text of a run's space, under the name of the file that it came from while that says the same."""
    for word in run.record.command:
        path = Path(word)
        if path.suffix == ".space" and path.is_file() and path.read_text(encoding="utf-8") == run.source:
            return Source(str(path), run.source)
    return Source(str(run.folder / "source.space"), run.source)


def within(bounds: tuple[Bound, ...]) -> str:
    """Bounds in words: ` of at most 450M MACs`."""
    words = [f"{bound.ends(short)} {LABELS.get(bound.measure, bound.measure)}" for bound in bounds]
    return f" of {' and '.join(words)}" if words else ""


def show(account: Account) -> None:
    """Print how good a space is, and what each of its dimensions is to do."""
    from spacelang.refine.evidence import options, said
    from spacelang.refine.move import signed

    out, quality = console(), account.quality
    out.print(
        f"[bold]{account.space}[/]: E-T error {said(quality.error)} % of {len(account.errors)} networks"
        f"{within(account.bounds)}, on {account.images} held-out images",
        soft_wrap=True,
    )
    share = f"mean {said(quality.mean)}, best {said(quality.top)}"
    out.print(f"{share}; {float(account.confidence):.0%} intervals over the draws", soft_wrap=True)
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
