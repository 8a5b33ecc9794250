"""`spacelang import`: a published network as a model of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spacelang.architecture import LARGEST_IMAGE
from spacelang.cli.options import Force
from spacelang.cli.terminal import fail, refused


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
    from spacelang_runtime.app.import_model import import_model, require_source

    with refused():
        require_source(source)
        if output is None:
            fail("where to?", f"name a folder: spacelang import {source} -o model/")
        made = import_model(source, output, weights, image, force)
    print(f"{output}: {made.model.network.architecture.name}, {made.said}")
