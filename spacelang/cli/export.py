"""`spacelang export`: a network of a run as a model that stands on its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spacelang.amount import short
from spacelang.cli.terminal import fail, say
from spacelang.cli.train import RUNS


def export(
    architecture: Annotated[
        str, typer.Argument(help="best, largest, smallest, a name that inspect shows, a line, or a JSON file.")
    ] = "best",
    output: Annotated[Path | None, typer.Option("-o", "--output", help="The folder to write.")] = None,
    run: Annotated[str | None, typer.Option(help="The run whose weights to take (default: the latest).")] = None,
    runs: Annotated[Path, typer.Option(help="The folder of all runs.")] = RUNS,
) -> None:
    """Write a network of a run as config.json and model.safetensors, with the weights that it inherits."""
    if output is None:
        fail("where to?", "name a folder: spacelang export best -o model/")

    from spacelang_runtime.run import find

    found = find(runs, run)  # before torch is loaded: a wrong name is answered at once

    import torch

    from spacelang.lower.cost import price
    from spacelang.lower.lowered import lower
    from spacelang_runtime.extract import extract
    from spacelang_runtime.saved import save
    from spacelang_runtime.target import resolve
    from spacelang_runtime.trained import trained

    lowered = lower(found.space)
    chosen = resolve(architecture, found, lowered)
    network = extract(trained(found, lowered, torch.device("cpu")), chosen)
    cost = price(chosen)
    best = found.best
    score = best if best and best["name"] == chosen.name else None
    notes = {
        "name": chosen.name,
        "flops": cost.flops,
        "params": cost.params,
        "classes": list(found.record.data.classes),
        "run": found.name,
        "space": found.record.space,
        "preview": found.record.preview,
        "held_out_accuracy": score["accuracy"] if score else None,
    }
    save(network, output, notes)
    if found.record.preview:
        say("this model comes from a PREVIEW: it has learned next to nothing")
    print(f"{output}: {chosen.name}, {short(cost.params)} params, {short(cost.flops)} MACs")
