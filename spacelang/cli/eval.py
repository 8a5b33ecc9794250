"""`spacelang eval`: how good a network is on images that nothing has learned or searched on."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from spacelang.amount import short
from spacelang.architecture import Architecture
from spacelang.cli.terminal import console, fail, grid, say, say_once
from spacelang.cli.watch import progress
from spacelang.lower.cost import price
from spacelang.runs import RUNS

if TYPE_CHECKING:
    from spacelang.lower.lowered import Lowered
    from spacelang_runtime.engine.tested import Tested


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
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")] = False,
    runs: Annotated[Path, typer.Option(help="The folder of all runs.")] = RUNS,
) -> None:
    """Measure networks on the test images, which neither training nor search has touched."""
    if split not in ("test", "search"):
        raise typer.BadParameter("it is test or search", param_hint="--split")
    names = what or ["best"]
    models = [name for name in names if (Path(name) / "config.json").is_file()] if run is None else []
    if models and len(models) == len(names):
        if random or split == "search":
            fail(
                f"a model's folder has no {'random networks' if random else 'images held out for a search'}",
                "those are a run's: spacelang eval best --run RUN",
            )
        results = [_model(Path(name), data, device) for name in names]
    else:
        if data is not None:
            _no_model(names)
        if models:
            fail(
                f"{models[0]} has weights of its own, and the others are networks of a run",
                "test them one after the other; or say --run RUN, to give all of them the weights of that run",
            )
        results = _networks(names, run, runs, random, seed, split, device)
    if as_json:
        print(json.dumps(results, indent=2))
        return
    body = [
        [
            str(row["what"]),
            str(row["name"]),
            f"{row['top1']:.2%}" + (f" ± {row['deviation']:.2%}" if "deviation" in row else ""),
            f"{row['top5']:.2%}",
            f"{row['calibration_error']:.2%}",
            f"{row['images_a_second']:.0f}" if row["images_a_second"] >= 10 else f"{row['images_a_second']:.2g}",
            str(row["images"]),
            short(int(row["flops"])),
            short(int(row["params"])),
        ]
        for row in results
    ]
    heading = ["network", "name", f"{split} top-1", "top-5", "ECE", "img/s", "images", "MACs", "params"]
    console().print(grid(heading, body))


def _networks(
    names: list[str], run: str | None, runs: Path, random: int, seed: int, split: str, device: str
) -> list[dict[str, Any]]:
    from spacelang.lower.lowered import lower
    from spacelang_runtime.engine.latest import serving

    found = serving(runs, run, "best" if "best" in names else "weights", say_once)
    if found.record.preview:
        say("this run is a PREVIEW: its numbers mean nothing")
    lowered = lower(found.space)

    from spacelang_runtime.engine.distributed import choose
    from spacelang_runtime.engine.supernet import trained
    from spacelang_runtime.engine.tested import examine
    from spacelang_runtime.search.target import resolve
    from spacelang_runtime.tasks.supernet.start import dataset_of

    chosen = [(name, resolve(name, found, lowered)) for name in names]
    drawn = _random(lowered, found.best, random, seed)
    where = choose(device)
    model = trained(found, lowered, where)
    dataset = dataset_of(found, say)
    batches = list(dataset.test_images() if split == "test" else dataset.search_images())
    rows: list[dict[str, Any]] = []
    others: list[tuple[Architecture, Tested]] = []
    with progress(f"eval {found.name}") as show:
        for number, (name, architecture) in enumerate([*chosen, *(("random", a) for a in drawn)], 1):
            tested = examine(model, batches, dataset.normalise, where, architecture)
            if name == "random":
                others.append((architecture, tested))
            else:
                rows.append(_row(name, architecture, tested))
            show(number / (len(chosen) + len(drawn)), f"{name} {tested.accuracy.top1:.2%}")
    if others:
        rows.append(_mean(others))
    return rows


def _random(lowered: Lowered, best: dict[str, Any] | None, count: int, seed: int) -> list[Architecture]:
    """Random networks inside the bounds of the last search, or of the recipe where there was none."""
    from spacelang.lower.bounds import windows
    from spacelang.lower.draw import draw, stream
    from spacelang.recipe import from_record

    if not count:
        return []
    bounds = tuple(map(from_record, best["bounds"])) if best else lowered.space.evolve.bounds
    for bound in bounds:
        if bound.measure not in lowered.chain.measures:
            say(
                f"the random networks are not bound in {bound.measure}, as the search was: its table is not at hand"
            )
    bounds = tuple(bound for bound in bounds if bound.measure in lowered.chain.measures)
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


def _model(folder: Path, data: str | None, device: str) -> dict[str, Any]:
    if data is None:
        fail(f"which images is {folder} to be tested on?", f"name them: spacelang eval {folder} --data FOLDER")

    from spacelang.recipe import Train
    from spacelang_runtime.data import open_dataset
    from spacelang_runtime.engine.distributed import choose
    from spacelang_runtime.engine.tested import examine
    from spacelang_runtime.nn.saved import load, notes_of, preprocessing_of

    where = choose(device)
    network = load(folder).to(where).eval()
    architecture = network.architecture
    dataset = open_dataset(data, architecture.frame, Train(), 0, say, preprocessing_of(folder))
    if len(dataset.classes) != architecture.frame.classes:
        fail(
            f"{folder} tells {architecture.frame.classes} classes apart, and {data} has {len(dataset.classes)}",
            f"give it a head for them: spacelang finetune {folder} --data {data} -o tuned/",
        )
    known = notes_of(folder).get("classes")
    if known and list(dataset.classes) != known:
        say(f"the classes of {data} have other names than those that {folder} has learned: is it the same data?")
    return _row(str(folder), architecture, examine(network, dataset.test_images(), dataset.normalise, where))


def _row(what: str, architecture: Architecture, tested: Tested) -> dict[str, Any]:
    cost = price(architecture)
    return {
        "what": what,
        "name": architecture.name,
        "top1": tested.accuracy.top1,
        "top5": tested.accuracy.top5,
        "loss": tested.loss,
        "calibration_error": tested.calibration_error,
        "images_a_second": tested.images_a_second,
        "images": tested.accuracy.images,
        "flops": cost.flops,
        "params": cost.params,
    }


def _mean(others: list[tuple[Architecture, Tested]]) -> dict[str, Any]:
    rows = [_row("", architecture, tested) for architecture, tested in others]
    tops = [row["top1"] for row in rows]
    means = {key: mean(row[key] for row in rows) for key in rows[0] if key not in ("what", "name")}
    return {
        **means,
        "what": f"mean of {len(others)} random",
        "name": "",
        "deviation": stdev(tops) if len(tops) > 1 else 0.0,
        "images": rows[0]["images"],
        "flops": round(means["flops"]),
        "params": round(means["params"]),
    }
