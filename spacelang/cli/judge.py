"""`spacelang judge`: how good the space of a run is, and where its options should go."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spacelang.api.judge import judge as judge_
from spacelang.api.judge import recipe_of, source_of, warn_of_few
from spacelang.api.method import score_of
from spacelang.cli.disk import write
from spacelang.cli.judgement import say_judged, show, watching
from spacelang.cli.options import (
    Device,
    ErrorScore,
    ImagesOption,
    MovedData,
    RefineSettings,
    ResultAsJson,
    Runs,
    SomeRun,
    TheirParams,
    bounding,
)
from spacelang.cli.place import vacant
from spacelang.cli.terminal import fail, refused, say, say_once
from spacelang.runs import RUNS

if TYPE_CHECKING:
    from spacelang.refinement.next import Next


def judge(
    run: SomeRun = None,
    flops: Annotated[str | None, bounding("flops", "MACs of the networks")] = None,
    params: TheirParams = None,
    settings: RefineSettings = None,
    images: ImagesOption = None,
    score: ErrorScore = None,
    next_: Annotated[
        Path | None, typer.Option("--next", metavar="FILE", help="Write the next space to a new .space file.")
    ] = None,
    report: Annotated[Path | None, typer.Option(metavar="FILE.html", help="Write a page with figures.")] = None,
    data: MovedData = None,
    device: Device = "auto",
    as_json: ResultAsJson = False,
    runs: Runs = RUNS,
) -> None:
    """Judge the space of a run by its E-T error, and say how each dimension of each stage should move.

    Networks are drawn exactly inside the bounds and scored on the held-out images with the weights that they
    inherit. Every score is kept as it comes: a judgement that was stopped goes on when the same command is given
    again. Under torchrun the same command scores on many GPUs.
    """
    from spacelang.lower.lowered import lower
    from spacelang_runtime.engine.latest import serving

    if next_ is not None and next_.suffix != ".space":
        raise typer.BadParameter("a space is written to a .space file", param_hint="--next")
    told_by = score_of(score)
    vacant(next_, "the next space")
    vacant(report, "the page")
    found = serving(runs, run, "weights", say_once)
    bounds = {"flops": flops, "params": params}
    lowered = lower(found.space)
    with refused():
        recipe = recipe_of(lowered, found.record.preview, settings, bounds, told_by, say_once)

    from spacelang_runtime.app.scoring_setup import ScoringOptions, scoring_setup

    with scoring_setup(found, lowered, ScoringOptions(device, images, data), say) as where:
        if where is None:
            return
        warn_of_few(where.dispatch.images, found, say)
        judged = judge_(where, source_of(found), recipe, watching)
        say_judged(judged, recipe)
    account, following = judged.account, judged.following
    if as_json:
        print(json.dumps(judged.to_json(), indent=2))
    else:
        show(account)
    if report is not None:
        from spacelang.refinement.report import page

        write(report, page((account,)))
        say(f"wrote {report}")
    if next_ is not None:
        written(following, next_)
    elif following.text is not None:
        say(f"next: give the same command with --next {following.name}.space")


def written(following: Next, path: Path) -> None:
    """Write the next space; a file that says something else is left alone."""
    if following.text is None:
        say("nothing moves: the space stays as it is, and no file is written")
        return
    if path.exists() and path.read_bytes() != following.text.encode():
        fail(
            f"{path} is there already, and is not what follows from this judgement",
            "move it away, or write the next space elsewhere",
        )
    write(path, following.text)
    say(f"wrote {path}")
