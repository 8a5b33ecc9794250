"""Networks of a run trained on alone: what is asked for, and what has come of it."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
from attrs import define, frozen

from spacelang.amount import NotAnAmount, counted
from spacelang.amount import share as share_in
from spacelang.api.architecture import Architecture
from spacelang.api.error import NotAnOption
from spacelang.api.ranges import WORKERS, between, whole
from spacelang.api.recipe import Settings, lines, train_recipe
from spacelang.api.steps import Observe, steps_to
from spacelang.api.trained import Say, TrainedRun, silent

if TYPE_CHECKING:
    from spacelang import architecture as core
    from spacelang_runtime.engine.finished import FinishResult
    from spacelang_runtime.engine.run import RunFolder
    from spacelang_runtime.tasks.finish import FinishRequest


@frozen
class FinishOptions:
    """How networks are finished. share: of the supernet's seconds, such as `"5%"`. final: whether the held-out
    images are learned from too. taught: the largest network's part of a target. settings: lines of the recipe
    changed."""

    share: str | float | Fraction = "5%"
    final: bool = False
    taught: float = 0.0
    settings: Settings | None = None


@define(frozen=True, slots=False, repr=False)
class Finished:
    """A network that was trained on alone. inherited, accuracy: the share of the held-out images that were right
    before and after; None where there are none, or where it has learned from them. seconds: of its training. model:
    the folder of its model."""

    architecture: Architecture
    inherited: float | None
    accuracy: float | None
    steps: int
    seconds: float
    model: Path

    def records(self) -> list[dict[str, Any]]:
        """A row of it, as `spacelang finish --json` has it."""
        one = self.architecture
        row = {"name": one.name, "line": one.line, "flops": one.flops, "params": one.params}
        told = {"inherited_accuracy": self.inherited, "accuracy": self.accuracy}
        return [row | told | {"steps": self.steps, "seconds": self.seconds, "model": str(self.model)}]

    def __repr__(self) -> str:
        before, after = ("–" if one is None else f"{one:.2%}" for one in (self.inherited, self.accuracy))
        return f"<{self.architecture.name} finished in {counted(self.steps, 'step')}: {before} to {after}>"

    def _repr_html_(self) -> str:
        from spacelang.html import of_records

        return of_records(repr(self)[1:-1], self.records())


def requests(
    run: RunFolder, architectures: Sequence[core.Architecture], options: FinishOptions, command: Sequence[str] = ()
) -> tuple[FinishRequest, ...]:
    """What is asked for, one for each network. Raises `Failure` for a run whose networks cannot be finished, and
    `NotAnOption` for words that are none."""
    share, overrides = share_of(options.share, "share"), lines(options.settings)
    from spacelang_runtime.tasks.finish import FinishRequest, recipe_of, require_finishable

    require_finishable(run)
    own = recipe_of(run.space.train, options.final)
    recipe = train_recipe(own, options.settings)
    if recipe.holdout != own.holdout:
        raise NotAnOption("settings holdout", "the held-out images are learned from by --final alone")
    frame = run.space.frame
    return tuple(
        FinishRequest(
            run,
            attrs.evolve(one, frame=frame),
            share,
            recipe,
            options.final,
            options.taught,
            tuple(command),
            overrides,
        )
        for one in dict.fromkeys(architectures)
    )


def share_of(given: str | float | Fraction, asked: str) -> Fraction:
    """A share such as `"5%"` or 0.05. asked: the keyword that it was given by. Raises `NotAnOption`."""
    if isinstance(given, Fraction) and 0 < given <= 1:
        return given
    try:
        return share_in(given if isinstance(given, str) else str(given))
    except NotAnAmount as reason:
        raise NotAnOption(asked, str(reason)) from None


def finished(one: FinishResult) -> Finished:
    """What the runtime has finished, as the front door hands it out."""
    return Finished(
        Architecture(one.architecture), one.inherited, one.accuracy, one.steps, one.seconds, Path(one.run.model)
    )


def finish(
    run: TrainedRun,
    *what: str | Architecture,
    share: str | float = "5%",
    final: bool = False,
    taught: float = 0.0,
    settings: Settings | None = None,
    device: str = "auto",
    workers: int | None = None,
    observe: Observe = silent,
    say: Say = silent,
) -> tuple[Finished, ...]:
    """Train networks of the run on alone, from their inherited weights, for a share of the supernet's time; as
    `spacelang finish`.

    The share is turned into steps once. A finish that was stopped makes the steps that are left when it is asked
    for again. `run.evaluate`, `run.export` and `run.model` then take the finished weights.

    Args:
        what: `largest`, a name, a line, a network; the `best` of the last search where none is named.
        share: how long: a share of the seconds that the supernet took.
        final: whether to learn from the held-out images too; then no accuracy on them is told.
        taught: the part that the largest network teaches, from 0 to 1.
        settings: lines of the `train` recipe changed for this finish.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        workers: processes that read images; None: as many as suit.
        observe: told of each `Step`.
        say: told in lines what a person is to know.

    Raises:
        NotAnOption: for words that are none.
        Failure: for a run whose networks cannot be finished.
    """
    between("taught", taught, 0, 1)
    whole("workers", workers, *WORKERS)
    from spacelang_runtime.app.finish import finish as finish_
    from spacelang_runtime.app.learn import TrainingOptions
    from spacelang_runtime.search.target import resolve
    from spacelang_runtime.tasks.finish import require_finishable

    require_finishable(run.kept)
    chosen = [resolve(str(one), run.kept, run.space.lowered) for one in what or ("best",)]
    asked = requests(run.kept, chosen, FinishOptions(share, final, taught, settings))
    return tuple(map(finished, finish_(asked, TrainingOptions(device, workers), steps_to(observe), say)))
