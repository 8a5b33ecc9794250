"""A training while it goes on: on a terminal one live line, elsewhere plain lines now and then."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from spacelang.amount import clock, counted
from spacelang.cli.terminal import say
from spacelang.cli.watch import progress

if TYPE_CHECKING:
    from spacelang_runtime.app.learn import Begun, TrainingSummary
    from spacelang_runtime.engine.step import Observe, Step

Watch = Callable[["Step | TrainingSummary"], None]


def watching(photo: Path | None = None) -> Callable[[Begun], AbstractContextManager[Watch]]:
    """What shows a training. photo: whose attention maps are to be seen in TensorBoard."""

    @contextmanager
    def watched(begun: Begun) -> Iterator[Watch]:
        from spacelang_runtime.app.learn import TrainingSummary

        setup, world = begun.setup, begun.world
        run, dataset = setup.run, setup.dataset
        sizes = f"{counted(dataset.train_size, 'image')} to train on"
        sizes += f", {len(dataset.search)} held out for the search" if len(dataset.search) else ""
        many = f" ×{world.size}" if world.size > 1 else ""
        say(f"run {run.name}: {dataset.name}, {sizes}; {world.device}{many}")
        ended: list[TrainingSummary] = []
        with progress(f"train {run.name}") as show, _looking(begun, photo) as look:

            def watch(seen: Step | TrainingSummary) -> None:
                if isinstance(seen, TrainingSummary):
                    ended.append(seen)
                    return
                show(seen.progress, line(seen))
                look(seen)
                say_of(seen)

            yield watch
        for one in ended:
            _say_end(one, f"; trace in {run.trace}" if begun.profile else "")

    return watched


def line(step: Step) -> str:
    """How far a training is, in one line."""
    losses = "  ".join(f"{kind} {loss:.3f}" for kind, loss in step.losses.items())
    waiting = f"  waiting for data {step.waiting:.0%}" if step.waiting > 0.05 else ""
    rate = f"{step.images:.0f} img/s" if step.images >= 10 else f"{step.images:.1f} img/s"
    seen = f"  held out {accuracies(step.figures)}" if step.figures else ""
    return f"step {step.step}  loss {losses}{seen}  {rate}  {clock(step.left)} left{waiting}"


def accuracies(figures: Mapping[str, float | None]) -> str:
    """What networks tell right of the held-out images: `largest 45.2% smallest 30.1%`; of one alone, `45.2%`."""
    told = {name: "–" if share is None else f"{share:.1%}" for name, share in figures.items()}
    return (
        next(iter(told.values())) if len(told) == 1 else " ".join(f"{name} {said}" for name, said in told.items())
    )


def say_of(step: Step) -> None:
    """Say what the user is to know of a step."""
    if step.problem:
        say(f"skipped: {step.problem} ({step.skipped} so far)")
    if step.notice:
        say(step.notice)


def _say_end(trained: TrainingSummary, where: str) -> None:
    took = f"{clock(trained.state.elapsed)}, {trained.waited:.0%} of it waiting for data"
    say(f"trained {trained.run.name}: {counted(trained.state.step, 'step')} in {took}{where}")
    if trained.figures:
        say(f"held out: {accuracies(trained.figures)} (a look at some of the images)")
    if trained.advice:
        say(f"  to wait less: {trained.advice}")
    for file, why in trained.skipped.items():
        say(f"skipped {file}: {why}")


def _looking(begun: Begun, photo: Path | None) -> AbstractContextManager[Observe]:
    """An observer that draws the attention maps of a photo, where one is given."""
    if photo is None:
        return nullcontext(lambda _: None)
    from spacelang_runtime.visualize.board import board

    setup = begun.setup
    looking: AbstractContextManager[Observe] = board(
        setup.run, setup.model, setup.subnets.largest, photo, setup.dataset.preprocessing
    )
    return looking
