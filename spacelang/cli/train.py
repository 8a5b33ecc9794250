"""`spacelang train`: train the supernet of a space."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spacelang.amount import clock, short
from spacelang.api.error import NotAnOption
from spacelang.api.time import time_of
from spacelang.api.train_request import begun_with, fits_digits, preview, request, warning
from spacelang.cli.options import (
    BudgetOption,
    Checkpointing,
    Device,
    DryRunOption,
    Micro,
    ProfileOption,
    ResumeOption,
    Runs,
    StepsOption,
    TestSeed,
    TestShareOption,
    TrainingDataOption,
    Workers,
    bounding,
)
from spacelang.cli.terminal import fail, say, say_once
from spacelang.cli.texts import compiled, loaded, open_text
from spacelang.cli.training import watching
from spacelang.language.measures import TIMES
from spacelang.runs import RUNS, called, resuming
from spacelang.space import Space

if TYPE_CHECKING:
    from spacelang_runtime.engine.run import RunFolder
    from spacelang_runtime.tasks.supernet.setup import TrainRequest


def train(
    space: Annotated[
        str | None, typer.Argument(help="A .space file; with --resume, a run (default: the latest).")
    ] = None,
    data: TrainingDataOption = None,
    test_share: TestShareOption = None,
    test_seed: TestSeed = 0,
    flops: Annotated[str | None, bounding("flops", "Train for networks of so many MACs")] = None,
    params: Annotated[str | None, bounding("params", "And for so many parameters")] = None,
    steps: StepsOption = None,
    budget: BudgetOption = None,
    resume: ResumeOption = False,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Change a line of the train recipe for this run."),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL", help="Begin with the weights of a model's folder, or of a run's largest network."
        ),
    ] = None,
    taught: Annotated[
        float, typer.Option(min=0, max=1, help="With --weights: the part that this model teaches, such as 0.5.")
    ] = 0.0,
    device: Device = "auto",
    micro: Micro = None,
    workers: Workers = None,
    profile: ProfileOption = False,
    every: Annotated[str, typer.Option(help="Keep a checkpoint so often, such as 30s or 5m.")] = "5m",
    shard: Annotated[
        bool, typer.Option("--shard", help="Under torchrun: share the optimizer's memory out among the GPUs.")
    ] = False,
    checkpointing: Checkpointing = False,
    dry_run: DryRunOption = False,
    photo: Annotated[
        Path | None,
        typer.Option("--attention", metavar="PHOTO", help="Show the heads' maps of a photo in TensorBoard."),
    ] = None,
    runs: Runs = RUNS,
) -> None:
    """Train the supernet of a space by the sandwich rule.

    Each step trains the largest network, the smallest and two random ones on one batch. Under torchrun the same
    command trains on many GPUs. Without --data it trains on the built-in handwritten digits.
    """
    limit = None if budget is None else time_of(budget, "budget")
    pause = time_of(every, "every")
    if resume:
        if settings:
            fail("a run goes on with its own recipe", "leave out --set, or train a new run")
        if flops is not None or params is not None:
            fail("a run goes on inside its own bounds", "leave out --flops and --params, or train a new run")
        if test_share is not None:
            fail("a run goes on with the test images that it has", "leave out --test-share, or train a new run")
        if weights is not None or taught:
            fail("a run goes on from its own weights", "leave out --weights and --taught, or train a new run")
    elif space is None:
        fail("which space?", "name a .space file, such as: spacelang train spaces/digits.space")
    elif not Path(space).exists() and (runs / space / "run.json").is_file():
        fail(f"{space} is a run, not a .space file", f"go on with it: {resuming(runs / space, False)}")
    if taught and weights is None:
        raise NotAnOption("taught", "there is no model to teach: name it with --weights")
    share = (test_share, test_seed)
    begins = (
        None
        if resume
        else requested(str(space), data, steps, limit, settings or [], micro or 0, share, flops, params)
    )
    if begins is not None and weights is not None:
        begins = begun_with(begins, weights, taught, runs)

    if dry_run and begins is None:
        fail("a dry run looks at a training that has not begun", "leave --resume out")

    from spacelang_runtime.app.learn import TrainingOptions
    from spacelang_runtime.app.train import Resume
    from spacelang_runtime.app.train import train as train_

    options = TrainingOptions(device, workers, pause, profile, shard, checkpointing)
    if dry_run and begins is not None:
        from spacelang.cli.dry_run import show
        from spacelang_runtime.app.dry_run import dry_run_of

        if (made := dry_run_of(begins, options, say)) is not None:
            show(made, f"the supernet of {begins.space.name}")
        return
    asked = begins or Resume(_to_resume(space, runs), steps, limit, micro or 0, data)
    trained = train_(asked, runs, options, watching(photo), say)
    whole = trained.run.space
    bounds = whole.evolve.bounds
    tabled = [bound.measure for bound in bounds if bound.of_a_table]
    tables = "".join(f" --cost {measure}.json" for measure in tabled)
    bound = "" if bounds else f" --flops {_middle(whole)}"
    say_once(f"next: spacelang evolve {called(trained.run.folder)}{tables}{bound}")
    for measure in tabled:
        own = f"of {measure}, as told in docs/arithmetic.md"
        say_once(f"      by a table {'that spacelang measure SPACE.space writes' if measure in TIMES else own}")


def requested(
    path: str,
    data: str | None,
    steps: int | None,
    limit: float | None,
    settings: list[str],
    micro: int = 0,
    test_share: tuple[float | None, int] = (None, 0),
    flops: str | None = None,
    params: str | None = None,
) -> TrainRequest:
    """The training that the command line asks for: of the space in a file, with lines of its recipe replaced.
    test_share: how much is held out for the test, and by which seed. flops, params: bounds
    of its networks."""
    space = loaded(Path(path))
    asked = request(
        space,
        data,
        flops=flops,
        params=params,
        steps=steps,
        budget=limit,
        settings=settings,
        micro=micro,
        test_share=test_share,
        command=sys.argv[1:],
        warn=warning(say),
        say=say,
    )
    return _preview(asked, path) if data is None and not fits_digits(asked.space) else asked


def _preview(asked: TrainRequest, path: str) -> TrainRequest:
    """The same request made small: a look at how things work, bounded in time."""
    small = preview(asked)
    assert small.budget is not None
    say(
        f"no --data: a PREVIEW of at most {clock(small.budget)} on the built-in digits, "
        "resized. Its numbers mean nothing.\n"
        f"For real: spacelang train {path} --data FOLDER   (FOLDER has train/CLASS/* and val/CLASS/*)"
    )
    return small


def _to_resume(name: str | None, runs: Path) -> RunFolder:
    """The run of that name, or of the space in that file; the latest with a checkpoint, where none is given."""
    from spacelang_runtime.engine.latest import serving
    from spacelang_runtime.engine.run import every

    if name is not None and name.endswith(".space"):
        space = compiled(open_text(Path(name))).name
        of_space = [run for run in every(runs) if run.record.space == space]
        if not of_space:
            fail(f"no run of the space {space} is in {runs}/", f"begin one: spacelang train {name}")
        name = max(of_space, key=lambda run: run.record.created).name
    run = serving(runs, name, "checkpoint", say_once)
    if run.record.task == "finetune":
        fail(f"{run.name} is a run of finetune", f"go on with it: {resuming(run.folder, True)}")
    return run


def _middle(space: Space) -> str:
    """An amount of MACs between the least and the most that were trained, as an example of a bound."""
    from spacelang.lower.lowered import lower

    whole = lower(space).range("flops")
    most = [bound.high for bound in space.train.bounds if bound.measure == "flops" and bound.high is not None]
    return short((whole.lo + min([whole.hi, *most])) // 2)
