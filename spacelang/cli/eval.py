"""`spacelang eval`: how good a network is on images that nothing has learned or searched on."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from attrs import frozen

from spacelang.architecture import Architecture
from spacelang.cli.evaluation import Row, averaged, row, show
from spacelang.cli.terminal import fail, say
from spacelang.cli.train import readers
from spacelang.cli.watch import progress
from spacelang.runs import RUNS

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from spacelang.lower.lowered import Lowered
    from spacelang_runtime.data import LabelledSplit
    from spacelang_runtime.engine.run import Run


@frozen
class _How:
    """What does not change an answer. workers: processes that read."""

    device: str
    workers: int | None


def evaluate(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            help="Models' folders; or networks of a run: best, largest, smallest, a name, a line, a JSON file. "
            "Default: best."
        ),
    ] = None,
    run: Annotated[str | None, typer.Option(help="The run whose weights to take (default: the latest).")] = None,
    random: Annotated[
        int, typer.Option(min=0, help="Also the mean of so many random networks that meet the search's bounds.")
    ] = 0,
    split: Annotated[
        str, typer.Option(help="test, or search: the images that a run has held out for its search.")
    ] = "test",
    data: Annotated[str | None, typer.Option(help="For models' folders: the data to test on.")] = None,
    seed: Annotated[int, typer.Option(help="Of the random networks.")] = 0,
    classes: Annotated[
        bool, typer.Option("--classes", help="Also each class by itself, and which are taken for which.")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    workers: Annotated[int | None, typer.Option(min=0, help="Processes that read images.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")] = False,
    runs: Annotated[Path, typer.Option(help="The folder of all runs.")] = RUNS,
) -> None:
    """Measure networks on the test images, which neither training nor search has touched."""
    if split not in ("test", "search"):
        raise typer.BadParameter("it is test or search", param_hint="--split")
    names, how = what or ["best"], _How(device, workers)
    models = [name for name in names if (Path(name) / "config.json").is_file()] if run is None else []
    if models and len(models) == len(names):
        if random or split == "search":
            fail(
                f"a model's folder has no {'random networks' if random else 'images held out for a search'}",
                "those are a run's: spacelang eval best --run RUN",
            )
        results = [_model(Path(name), data, classes, how) for name in names]
    else:
        if data is not None:
            _no_model(names)
        if models:
            fail(
                f"{models[0]} has weights of its own, and the others are networks of a run",
                "test them one after the other; or say --run RUN, to give all of them the weights of that run",
            )
        results = _networks(names, run, runs, random, seed, split, classes, how)
    if as_json:
        print(json.dumps(results, indent=2))
    else:
        show(results, split)


def _networks(
    names: list[str], run: str | None, runs: Path, random: int, seed: int, split: str, by_class: bool, how: _How
) -> list[Row]:
    from spacelang.lower.lowered import lower
    from spacelang_runtime.engine.run import find

    found = find(runs, run)
    if found.record.preview:
        say("this run is a PREVIEW: its numbers mean nothing")
    lowered = lower(found.space)

    from spacelang_runtime.engine.distributed import choose
    from spacelang_runtime.engine.evaluate import evaluate_all
    from spacelang_runtime.engine.supernet import trained
    from spacelang_runtime.search.target import resolve
    from spacelang_runtime.tasks.supernet.start import dataset_of

    chosen = [resolve(name, found, lowered) for name in names]
    drawn = _random(lowered, found.best, random, seed)
    where = choose(how.device)
    model = trained(found, lowered, where)
    dataset = dataset_of(found, say, readers(how.workers, spare=0))
    images = dataset.test if split == "test" else dataset.search
    with closing(_batches(images, where, found.name)) as batches:
        tested = evaluate_all(model, batches, images.normalise, where, [*chosen, *drawn])
    rows = [
        row(name, architecture, evaluation, images.classes, by_class)
        for name, architecture, evaluation in zip(names, chosen, tested, strict=False)
    ]
    if by_class:
        _keep(found, split, rows)
    others = list(zip(drawn, tested[len(chosen) :], strict=True))
    return [*rows, averaged(others, images.classes)] if others else rows


def _keep(run: Run, split: str, rows: list[Row]) -> None:
    """Keep what was measured by class, for the report of the run; where it cannot be, it is told all the same."""
    from spacelang_runtime.engine.by_class import keep
    from spacelang_runtime.failure import Failure

    try:
        keep(run, split, rows)
    except Failure as reason:
        say(f"the report of {run.name} will not have the classes: {reason.message}")


def _batches(
    images: LabelledSplit, device: torch.device, name: str
) -> Generator[tuple[Tensor, Tensor], None, None]:
    """The images of a split as they are read, and a word now and then on how many have been."""
    seen = 0
    with progress(f"eval {name}") as show_, closing(images.batches(device=device)) as batches:
        for pictures, labels in batches:
            yield pictures, labels
            seen += len(labels)
            show_(seen / len(images), f"{seen} of {len(images)} images")


def _random(lowered: Lowered, best: dict[str, Any] | None, count: int, seed: int) -> list[Architecture]:
    """Random networks inside the bounds of the last search, or of the recipe where there was none."""
    from spacelang.lower.bounds import measured, windows
    from spacelang.lower.draw import draw, stream
    from spacelang.recipe import from_record

    if not count:
        return []
    bounds = tuple(map(from_record, best["bounds"])) if best else lowered.space.evolve.bounds
    for bound in bounds:
        if not measured(lowered.chain, bound.measure):
            say(
                f"the random networks are not bound in {bound.measure}, as the search was: its table is not at hand"
            )
    bounds = tuple(bound for bound in bounds if measured(lowered.chain, bound.measure))
    return [
        lowered.architecture(genotype)
        for genotype in draw(lowered.chain, count, stream(seed), bounds=windows(bounds, lowered.chain))
    ]


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


_OWN = "name a folder that spacelang export wrote; a run is tested on its own data: leave --data out"


def _model(folder: Path, data: str | None, by_class: bool, how: _How) -> Row:
    if data is None:
        fail(f"which images is {folder} to be tested on?", f"name them: spacelang eval {folder} --data FOLDER")

    from spacelang_runtime.data import open_split
    from spacelang_runtime.engine.distributed import choose
    from spacelang_runtime.engine.evaluate import evaluate
    from spacelang_runtime.nn.saved import load, preprocessing_of, record_of, require_finite

    where = choose(how.device)
    network = load(folder)
    require_finite(network, folder)
    network = network.float().to(where)  # whatever type or types the weights were kept in
    architecture = network.architecture
    workers = readers(how.workers, spare=0)
    images = open_split(data, architecture.frame, preprocessing_of(folder), workers, say)
    if len(images.classes) != architecture.frame.classes:
        fail(
            f"{folder} tells {architecture.frame.classes} classes apart, and {data} has {len(images.classes)}",
            f"give it a head for them: spacelang finetune {folder} --data {data} -o tuned/",
        )
    known = record_of(folder).get("notes", {}).get("classes")
    if known and list(images.classes) != known:
        say(f"the classes of {data} have other names than those that {folder} has learned: is it the same data?")
    with closing(_batches(images, where, str(folder))) as batches:
        evaluation = evaluate(network, batches, images.normalise, where)
    return row(str(folder), architecture, evaluation, images.classes, by_class)
