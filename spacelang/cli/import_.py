"""`spacelang import`: a published network as a model of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spacelang.amount import short
from spacelang.architecture import LARGEST_IMAGE
from spacelang.cli.options import Force
from spacelang.cli.terminal import fail


def import_(
    source: Annotated[
        str,
        typer.Argument(
            help="timm:NAME, such as timm:swin_s3_tiny_224; or a file of weights of timm's Swin or Swin-S3, of "
            "Swin, or of AutoFormerV2 (.safetensors, .pth)."
        ),
    ],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="The folder to write.")] = None,
    weights: Annotated[
        Path | None,
        typer.Option(help="With timm:NAME, a .safetensors or .pth file of it; without one, random weights."),
    ] = None,
    image: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=LARGEST_IMAGE,
            help="With a file: the side of the images that the network was trained on (default: 224).",
        ),
    ] = None,
    force: Force = False,
) -> None:
    """Write a network from outside as config.json and model.safetensors."""
    kind, _, name = source.partition(":")
    file = Path(source)
    if (kind != "timm" or not name) and not file.is_file():
        fail(_none(source, file), "write timm:NAME, such as timm:swin_s3_tiny_224, or name a file of weights")
    if output is None:
        fail("where to?", f"name a folder: spacelang import {source} -o model/")
    if file.is_file() and weights is not None:
        fail(f"{source} is a file of weights itself", "leave --weights out")
    if not file.is_file() and image is not None:
        fail(f"{source} says itself which images it takes", "leave --image out")

    from spacelang.lower.cost import price
    from spacelang_runtime.nn.convert import from_file, from_timm
    from spacelang_runtime.nn.saved import save
    from spacelang_runtime.preprocessing import Preprocessing

    if file.is_file():
        network, preprocessing = from_file(file, image or 224), Preprocessing()
    else:
        network, preprocessing = from_timm(name, weights)
    cost = price(network.architecture)
    origin = f"weights of {weights or file}" if weights or file.is_file() else "random weights"
    notes = {"name": network.architecture.name, "source": source, "origin": f"{source}, {origin}"}
    save(network, output, notes, force, preprocessing)
    sizes = f"{network.architecture.frame.image} pixels, {short(cost.params)} params, {short(cost.flops)} MACs"
    print(f"{output}: {network.architecture.name}, {sizes}, {origin}")


def _none(source: str, file: Path) -> str:
    """Why a text names no network."""
    if file.is_dir():
        return f"{source} is a folder, not a file of weights"
    from spacelang_runtime.app.export import FILES

    if file.suffix in FILES or file.parent != Path():
        return f"there is no file {source}"
    return f"{source!r} is no source of networks"
