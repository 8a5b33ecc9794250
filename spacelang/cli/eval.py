"""`spacelang eval`: how good a network is on images that nothing has learned or searched on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from attrs import evolve

from spacelang.api.held_out import held_out
from spacelang.cli.evaluation import show
from spacelang.cli.model import is_run
from spacelang.cli.options import AsJson, Device, Runs, TestSeed, TestShareOption, WeightsOf
from spacelang.cli.terminal import fail, say, say_once
from spacelang.cli.watch import progress
from spacelang.runs import RUNS

if TYPE_CHECKING:
    from spacelang_runtime.app.evaluate import EvaluationOptions, Row, SplitName
    from spacelang_runtime.engine.latest import Need
    from spacelang_runtime.engine.run import RunFolder


def evaluate(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            help="Models' folders; files (.onnx, .xml, .pte, .tflite), as they will be used; or networks of a run: "
            "best, cheapest, largest, smallest, a name, a line, a JSON file. Default: best. "
            "A run among them is the one whose weights to take."
        ),
    ] = None,
    run: WeightsOf = None,
    random: Annotated[
        int, typer.Option(min=0, help="Also the mean of so many random networks that meet the search's bounds.")
    ] = 0,
    split: Annotated[
        str, typer.Option(help="test, or search: the images that a run has held out for its search.")
    ] = "test",
    data: Annotated[
        str | None, typer.Option(help="For models' folders: the data to test on; for a run: where it is now.")
    ] = None,
    test_share: TestShareOption = None,
    test_seed: TestSeed = 0,
    seed: Annotated[int, typer.Option(min=0, help="Of the random networks.")] = 0,
    classes: Annotated[
        bool, typer.Option("--classes", help="Also each class by itself, and which are taken for which.")
    ] = False,
    inherited: Annotated[
        bool, typer.Option("--inherited", help="The weights of the supernet, also of networks that were finished.")
    ] = False,
    device: Device = "auto",
    workers: Annotated[int | None, typer.Option(min=0, help="Processes that read images.")] = None,
    as_json: AsJson = False,
    runs: Runs = RUNS,
) -> None:
    """Measure networks on the test images, which neither training nor search has touched."""
    from spacelang_runtime.app.evaluate import SPLITS, EvaluationOptions

    images = next((known for known in SPLITS if known == split), None)
    if images is None:
        raise typer.BadParameter("it is test or search", param_hint="--split")
    names, options = (
        what or [],
        EvaluationOptions(device, workers, say, data=data, held_out=held_out(test_share, test_seed)),
    )
    if run is None and (meant := next((name for name in names if is_run(name, runs)), None)):
        run, names = meant, [name for name in names if name != meant]
    names = names or ["best"]
    models = [name for name in names if _is_model(name)] if run is None else []
    if models and len(models) == len(names):
        if random or split == "search":
            fail(
                f"a model's folder has no {'random networks' if random else 'images held out for a search'}",
                "those are a run's: spacelang eval best --run RUN",
            )
        results = [_model(Path(name), data, classes, options) for name in names]
    else:
        if test_share is not None:
            fail("a run is tested on the test images that it has", "leave out --test-share")
        if data is not None and (models or any(_is_no_network(name) for name in names)):
            _no_model(names)
        if models:
            fail(
                f"{models[0]} has weights of its own, and the others are networks of a run",
                "test them one after the other; or say --run RUN, to give all of them the weights of that run",
            )
        results = _networks(names, run, runs, random, seed, images, classes, options, inherited)
    if as_json:
        print(json.dumps(results, indent=2))
    else:
        show(results, split)


def _is_model(name: str) -> bool:
    """Whether a name is that of a model's folder, or of a file that a runtime loads."""
    from spacelang_runtime.app.deploy import RUNNING

    return (Path(name) / "config.json").is_file() or Path(name).suffix.lower() in RUNNING


def _networks(
    names: list[str],
    run: str | None,
    runs: Path,
    random: int,
    seed: int,
    split: SplitName,
    by_class: bool,
    options: EvaluationOptions,
    inherited: bool,
) -> list[Row]:
    from spacelang.lower.lowered import lower
    from spacelang_runtime.engine.latest import serving

    need: Need = "best" if {"best", "cheapest"} & set(names) else "weights"
    found = serving(runs, run, need, say_once)
    if found.record.preview:
        say("this run is a PREVIEW: its numbers mean nothing")
    lowered = lower(found.space)

    from spacelang_runtime.app.evaluate import of_run

    with progress(f"eval {found.name}") as show_:
        seen = evolve(options, observe=show_)
        rows: list[Row] = of_run(found, lowered, names, random, split, seed, by_class, seen, inherited).records()
    if by_class:
        _keep(found, split, rows[: len(names)])
    return rows


def _keep(run: RunFolder, split: str, rows: list[Row]) -> None:
    """Keep what was measured by class, for the report of the run; where it cannot be, it is told all the same."""
    from spacelang_runtime.engine.by_class import keep
    from spacelang_runtime.failure import Failure

    try:
        keep(run, split, rows)
    except Failure as reason:
        say(f"the report of {run.name} will not have the classes: {reason.message}")


def _is_no_network(name: str) -> bool:
    """Whether a name is that of something on the disk that describes no network."""
    return Path(name).exists() and Path(name).suffix != ".json"


def _no_model(names: list[str]) -> NoReturn:
    """Say what a user meant by --data, with networks that are no models' folders."""
    from spacelang_runtime.search.target import OF_A_RUN

    for name in names:
        path = Path(name)
        if path.is_file():
            fail(f"{name} is a file, and a model is a folder", "name a folder that spacelang export wrote")
        if path.is_dir() and not (path / "config.json").is_file():
            fail(f"{name} has no config.json: there is no model in it", "name a folder that spacelang export wrote")
        if not path.exists() and name not in OF_A_RUN:
            fail(f"--data goes with models' folders, and there is no folder {name}", _OWN)
    fail("--data goes with models' folders", _OWN)


_OWN = "name a folder that spacelang export wrote; a run is tested on its own data"


def _model(folder: Path, data: str | None, by_class: bool, options: EvaluationOptions) -> Row:
    if data is None:
        fail(f"which images is {folder} to be tested on?", f"name them: spacelang eval {folder} --data FOLDER")

    from spacelang_runtime.app.evaluate import of_file, of_model

    with progress(f"eval {folder}") as show_:
        tested = of_model if folder.is_dir() else of_file
        (measured,) = tested(folder, data, by_class, evolve(options, observe=show_)).records()
    return measured
