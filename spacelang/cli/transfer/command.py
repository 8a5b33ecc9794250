"""What a user asks of a transfer: train, go on, look ahead, measure, answer."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from spacelang.api.model import require_model
from spacelang.api.time import time_of
from spacelang.api.transfer import lines_of, recipe_of, request, require_libraries
from spacelang.cli.options import (
    BudgetOption,
    Device,
    Micro,
    ProfileOption,
    ResumeOption,
    Runs,
    SettingsOption,
    StepsOption,
    Workers,
)
from spacelang.cli.terminal import fail, refused, say, say_once
from spacelang.runs import RUNS


class TaskName(StrEnum):
    """The three tasks."""

    detect = "detect"
    segment = "segment"
    vqa = "vqa"


def transfer(
    task: Annotated[
        TaskName, typer.Argument(help="detect (boxes and masks), segment, or vqa (answers to questions).")
    ],
    model: Annotated[
        str | None,
        typer.Argument(
            help="To train: a model's folder (of spacelang export or import). With --resume, --eval, --predict: a "
            "run of transfer or its model folder (default: the latest)."
        ),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="The folder of the data; with --resume, where it is now.")
    ] = None,
    recipe: Annotated[str | None, typer.Option(help="A shipped recipe, such as coco-3x, or a .toml file.")] = None,
    settings: SettingsOption = None,
    random_weights: Annotated[
        bool, typer.Option("--random-weights", help="The network without what it has learned, for comparison.")
    ] = False,
    bert: Annotated[
        Path | None,
        typer.Option(help="vqa: a folder with BERT's config.json, vocab.txt and model.safetensors."),
    ] = None,
    steps: StepsOption = None,
    budget: BudgetOption = None,
    resume: ResumeOption = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print data, schedule, time and memory; train nothing.")
    ] = False,
    evaluate: Annotated[bool, typer.Option("--eval", help="Measure a trained model on the test images.")] = False,
    multi_scale: Annotated[
        bool, typer.Option("--multi-scale", help="segment: with --eval, at several scales and mirrored.")
    ] = False,
    predict: Annotated[Path | None, typer.Option(metavar="PHOTO", help="Draw what a trained model says.")] = None,
    question: Annotated[str | None, typer.Option(help="vqa: what to ask about the photo.")] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="The picture to write.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
    device: Device = "auto",
    micro: Micro = None,
    workers: Workers = None,
    profile: ProfileOption = False,
    runs: Runs = RUNS,
) -> None:
    """Train a found network on detection, segmentation or visual question answering, and ask the result.

    Recipes for detect: coco-3x, coco-tiny; for segment: ade20k-160k, camvid; for vqa: vqa2-soho, easy-vqa, daquar.
    Under torchrun the same command trains on many GPUs.
    """
    asked = [word for word, given in (("--resume", resume), ("--eval", evaluate), ("--predict", predict)) if given]
    if len(asked) > 1:
        raise typer.BadParameter(f"give one of {' and '.join(asked)}", param_hint=asked[-1])
    for word, given, of in (
        ("--bert", bert, TaskName.vqa),
        ("--question", question, TaskName.vqa),
        ("--multi-scale", multi_scale, TaskName.segment),
    ):
        if given and task is not of:
            raise typer.BadParameter(f"it goes with {of}", param_hint=word)
    if multi_scale and not evaluate:
        raise typer.BadParameter("it goes with --eval", param_hint="--multi-scale")
    limit = None if budget is None else time_of(budget, "budget")
    with refused():
        require_libraries()
    if predict is not None:
        from spacelang.cli.transfer.ask import answer

        if output is None:
            fail("where to?", f"name a picture: spacelang transfer {task} … --predict {predict} -o out.png")
        if task is TaskName.vqa and not question:
            fail("what about the photo?", 'add a question: --question "what is on the table?"')
        answer(task, model, predict, question or "", output, device, runs)
    elif evaluate:
        from spacelang.cli.transfer.ask import measure

        measure(task, model, data, multi_scale, as_json, device, workers, runs)
    elif resume:
        from spacelang.cli.transfer.learn import looking, watching
        from spacelang_runtime.app.learn import TrainingOptions
        from spacelang_runtime.app.train import Resume
        from spacelang_runtime.app.transfer import transfer as transfer_
        from spacelang_runtime.engine.latest import transferring

        if recipe is not None or settings or bert is not None or random_weights:
            fail("a run goes on with its own recipe", "leave these options out, or train a new run")
        where = None if data is None else str(data)
        run = transferring(runs, model, (task,), "checkpoint", say_once)
        options = TrainingOptions(device, workers, profile=profile)
        again = Resume(run, steps, limit, micro or 0, where)
        transfer_(again, runs, options, looking(f"look at {where}"), watching, say)
    else:
        from spacelang.cli.transfer.learn import looking, show_dry_run, watching

        with refused():
            changed = lines_of(settings, micro)
            chosen = recipe_of(task, recipe, changed)  # before torch is loaded: a wrong line is answered at once
            if model is None:
                fail("which model?", "name a folder that spacelang export or spacelang import wrote")
            if data is None:
                fail("on which data?", "name its folder: --data FOLDER")
            require_model(model, runs)
            limits = (steps, limit)
            request_ = request(chosen, Path(model), data, random_weights, bert, limits, changed, sys.argv[1:])

        from spacelang_runtime.app.learn import TrainingOptions
        from spacelang_runtime.app.transfer import dry_run_of
        from spacelang_runtime.app.transfer import transfer as transfer_

        options = TrainingOptions(device, workers, profile=profile)
        if not dry_run:
            transfer_(request_, runs, options, looking(f"look at {data}"), watching, say)
        elif (seen := dry_run_of(request_, options, looking(f"look at {data}"), say)) is not None:
            show_dry_run(seen)
