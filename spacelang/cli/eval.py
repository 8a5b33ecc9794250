"""`spacelang eval`: how good a network is on images that nothing has learned or searched on."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spacelang.amount import short
from spacelang.architecture import Architecture
from spacelang.cli.terminal import console, fail, grid, say
from spacelang.cli.train import RUNS
from spacelang.cli.watch import progress
from spacelang.lower.cost import price

if TYPE_CHECKING:
    from spacelang.lower.lowered import Lowered
    from spacelang_runtime.evaluate import Accuracy


def evaluate(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            help="A model's folder; or networks of a run: best, largest, smallest, a name, a line, a JSON file. "
            "Default: best."
        ),
    ] = None,
    run: Annotated[str | None, typer.Option(help="The run whose weights to take (default: the latest).")] = None,
    random: Annotated[
        int, typer.Option(min=0, help="Also the mean of so many random networks that meet the search's bounds.")
    ] = 0,
    split: Annotated[str, typer.Option(help="test, or search: the held-out images of the search.")] = "test",
    data: Annotated[str | None, typer.Option(help="For a model's folder: the data to test on.")] = None,
    seed: Annotated[int, typer.Option(help="Of the random networks.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")] = False,
    runs: Annotated[Path, typer.Option(help="The folder of all runs.")] = RUNS,
) -> None:
    """Measure networks on the test images, which neither training nor search has touched."""
    if split not in ("test", "search"):
        raise typer.BadParameter("it is test or search", param_hint="--split")
    names = what or ["best"]
    folder = Path(names[0])
    if len(names) == 1 and (folder / "config.json").is_file():
        results = [_model(folder, data, split, device)]
    else:
        if data is not None:
            fail("--data goes with a model's folder", "a run is tested on its own data: leave --data out")
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
            str(row["images"]),
            short(int(row["flops"])),
            short(int(row["params"])),
        ]
        for row in results
    ]
    console().print(grid(["network", "name", f"{split} top-1", "top-5", "images", "MACs", "params"], body))


def _networks(
    names: list[str], run: str | None, runs: Path, random: int, seed: int, split: str, device: str
) -> list[dict[str, Any]]:
    from spacelang.lower.lowered import lower
    from spacelang_runtime.run import find

    found = find(runs, run)
    if found.record.preview:
        say("this run is a PREVIEW: its numbers mean nothing")
    lowered = lower(found.space)

    from spacelang_runtime.evaluate import evaluate as measure
    from spacelang_runtime.start import dataset_of
    from spacelang_runtime.target import resolve
    from spacelang_runtime.trained import trained
    from spacelang_runtime.world import choose

    chosen = [(name, resolve(name, found, lowered)) for name in names]
    drawn = _random(lowered, found.best, random, seed)
    where = choose(device)
    model = trained(found, lowered, where)
    dataset = dataset_of(found, say)
    batches = list(dataset.test_images() if split == "test" else dataset.search_images())
    rows: list[dict[str, Any]] = []
    others: list[tuple[Architecture, Accuracy]] = []
    with progress(f"eval {found.name}") as show:
        for number, (name, architecture) in enumerate([*chosen, *(("random", a) for a in drawn)], 1):
            accuracy = measure(model, batches, dataset.normalise, where, architecture)
            if name == "random":
                others.append((architecture, accuracy))
            else:
                rows.append(_row(name, architecture, accuracy))
            show(number / (len(chosen) + len(drawn)), f"{name} {accuracy.top1:.2%}")
    if others:
        rows.append(_mean(others))
    return rows


def _random(lowered: Lowered, best: dict[str, Any] | None, count: int, seed: int) -> list[Architecture]:
    """Random networks inside the bounds of the last search, or of the recipe where there was none."""
    from spacelang.lower.bounds import windows
    from spacelang.lower.draw import draw, stream
    from spacelang.recipe import Bound

    if not count:
        return []
    bounds = tuple(Bound(**bound) for bound in best["bounds"]) if best else lowered.space.evolve.bounds
    for bound in bounds:
        if bound.measure not in lowered.chain.measures:
            say(
                f"the random networks are not bound in {bound.measure}, as the search was: its table is not at hand"
            )
    bounds = tuple(bound for bound in bounds if bound.measure in lowered.chain.measures)
    return [
        lowered.architecture(genotype)
        for genotype in draw(lowered.chain, count, stream(seed), bounds=windows(bounds))
    ]


def _model(folder: Path, data: str | None, split: str, device: str) -> dict[str, Any]:
    if data is None:
        fail(f"which images is {folder} to be tested on?", f"name them: spacelang eval {folder} --data FOLDER")

    from spacelang.recipe import Train
    from spacelang_runtime.data import open_dataset
    from spacelang_runtime.evaluate import evaluate as measure
    from spacelang_runtime.saved import load
    from spacelang_runtime.world import choose

    where = choose(device)
    network = load(folder).to(where).eval()
    architecture = network.architecture
    dataset = open_dataset(data, architecture.frame, Train(), 0, say)
    if len(dataset.classes) != architecture.frame.classes:
        fail(f"{folder} tells {architecture.frame.classes} classes apart, and {data} has {len(dataset.classes)}")
    batches = dataset.test_images() if split == "test" else dataset.search_images()
    return _row(str(folder), architecture, measure(network, batches, dataset.normalise, where))


def _row(what: str, architecture: Architecture, accuracy: Accuracy) -> dict[str, Any]:
    cost = price(architecture)
    return {
        "what": what,
        "name": architecture.name,
        "top1": accuracy.top1,
        "top5": accuracy.top5,
        "images": accuracy.images,
        "flops": cost.flops,
        "params": cost.params,
    }


def _mean(others: list[tuple[Architecture, Accuracy]]) -> dict[str, Any]:
    costs = [price(architecture) for architecture, _ in others]
    tops = [accuracy.top1 for _, accuracy in others]
    return {
        "what": f"mean of {len(others)} random",
        "name": "",
        "top1": mean(tops),
        "deviation": stdev(tops) if len(tops) > 1 else 0.0,
        "top5": mean(accuracy.top5 for _, accuracy in others),
        "images": others[0][1].images,
        "flops": round(mean(cost.flops for cost in costs)),
        "params": round(mean(cost.params for cost in costs)),
    }
