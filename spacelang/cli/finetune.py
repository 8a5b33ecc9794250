"""`spacelang finetune`: train one network further, or anew."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import attrs
import typer

from spacelang.api.finetune import of_finetune, request, taught_by
from spacelang.api.held_out import held_out
from spacelang.api.time import time_of
from spacelang.cli.model import no_run
from spacelang.cli.options import (
    BudgetOption,
    Checkpointing,
    Device,
    DryRunOption,
    Micro,
    Runs,
    SettingsOption,
    StepsOption,
    TestSeed,
    TestShareOption,
    TrainingDataOption,
    Workers,
)
from spacelang.cli.terminal import fail, refused, say
from spacelang.cli.texts import compiled, open_text
from spacelang.cli.training import watching
from spacelang.recipe import Train
from spacelang.runs import RUNS


def finetune(
    model: Annotated[
        str, typer.Argument(help="A model's folder (spacelang export best -o model/); with --resume, a run.")
    ],
    data: TrainingDataOption = None,
    test_share: TestShareOption = None,
    test_seed: TestSeed = 0,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="The folder of the new model.")] = None,
    scratch: Annotated[
        bool, typer.Option("--from-scratch", help="Begin with random weights: the paper's retraining.")
    ] = False,
    recipe: Annotated[Path | None, typer.Option(help="A .space file whose train block to follow.")] = None,
    settings: SettingsOption = None,
    teacher: Annotated[
        str | None,
        typer.Option(help="Learn from a teacher too: a run (its largest network), a model's folder, or timm:NAME."),
    ] = None,
    teacher_weights: Annotated[
        Path | None, typer.Option(help="The weights of a timm teacher (default: timm fetches them).")
    ] = None,
    share: Annotated[
        float | None, typer.Option(min=0, max=1, help="Of the teacher in what is learned (default: 0.5).")
    ] = None,
    keep: Annotated[
        Literal["last", "best"],
        typer.Option(help="The weights to write: the last; or the best of ten looks at images held out for it."),
    ] = "last",
    steps: StepsOption = None,
    budget: BudgetOption = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run of finetune.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a model that is there already.")] = False,
    dry_run: DryRunOption = False,
    device: Device = "auto",
    micro: Micro = None,
    workers: Workers = None,
    checkpointing: Checkpointing = False,
    runs: Runs = RUNS,
) -> None:
    """Train a model further on data of its own or other classes, by the trainer and the words of `train`.

    The head follows the data. By default the weights that it has learned are the beginning, for 30 epochs at a
    low rate; with --from-scratch the recipe is that of a training.
    """
    if output is None and not dry_run:
        fail("where to?", f"name a folder: spacelang finetune {model} --data FOLDER -o tuned/")
    own = settings or recipe or scratch or teacher or teacher_weights or share is not None or keep != "last"
    if resume and (own or test_share):
        fail("a run goes on with its own recipe and teacher, and its own test images", "leave these options out")
    if not resume and data is None:
        fail("which images is it to learn from?", f"name them: spacelang finetune {model} --data FOLDER -o tuned/")
    with refused():
        learned = taught_by(teacher, teacher_weights, share)

    from spacelang_runtime.app.finetune import FinetuneRequest
    from spacelang_runtime.app.finetune import finetune as finetune_
    from spacelang_runtime.app.learn import TrainingOptions
    from spacelang_runtime.app.train import Resume

    if dry_run and resume:
        fail("a dry run looks at a training that has not begun", "leave --resume out")
    limits = (steps, None if budget is None else time_of(budget, "budget"), micro or 0)
    if resume:
        with refused():
            asked = Resume(of_finetune(model, runs), *limits, data)
    else:
        no_run(model, runs, "; or go on with a run of finetune: --resume")
        given = compiled(open_text(recipe)).train if recipe else Train()
        new = request(model, str(data), scratch, given, settings, learned, limits, sys.argv[1:], keep)
        asked = attrs.evolve(new, held_out=held_out(test_share, test_seed))
    options = TrainingOptions(device, workers, checkpointing=checkpointing)
    if output is None or dry_run:
        from spacelang.cli.dry_run import show
        from spacelang_runtime.app.dry_run import dry_run_of

        if (planned := dry_run_of(asked, options, say)) is not None:
            show(planned, f"the network of {model}")
        return
    made = finetune_(FinetuneRequest(asked, output, force), runs, options, watching(), say)
    if made is not None:
        learned_from = made.run.record.data
        held = f" --test-share {learned_from.test_share:g}" if learned_from.test_share else ""
        seed = f" --test-seed {learned_from.test_seed}" if learned_from.test_seed else ""
        say(f"next: spacelang eval {output} --data {learned_from.where}{held}{seed}")
        print(f"{output}: {made.architecture.name}, {made.origin}")
