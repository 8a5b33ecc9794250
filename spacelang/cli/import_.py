"""`spacelang import`: a published network as a model of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spacelang.amount import short
from spacelang.cli.terminal import fail


def import_(
    source: Annotated[str, typer.Argument(help="timm:NAME, such as timm:swin_s3_tiny_224.")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="The folder to write.")] = None,
    weights: Annotated[
        Path | None, typer.Option(help="A .safetensors or .pth file of that network; without one, random weights.")
    ] = None,
) -> None:
    """Write a network from outside as config.json and model.safetensors."""
    kind, _, name = source.partition(":")
    if kind != "timm" or not name:
        fail(f"{source!r} is no source of networks", "write timm:NAME, such as timm:swin_s3_tiny_224")
    if output is None:
        fail("where to?", f"name a folder: spacelang import {source} -o model/")

    from spacelang.lower.cost import price
    from spacelang_runtime.foreign import from_timm
    from spacelang_runtime.saved import save

    network = from_timm(name, weights)
    cost = price(network.architecture)
    origin = str(weights) if weights else "random weights"
    save(network, output, {"name": network.architecture.name, "source": source, "weights": origin})
    print(f"{output}: {network.architecture.name}, {short(cost.params)} params, {short(cost.flops)} MACs, {origin}")
