"""A published network as a model of ours."""

from __future__ import annotations

import os
from pathlib import Path

from spacelang.api.error import NotAnOption
from spacelang.api.model import Model
from spacelang.architecture import LARGEST_IMAGE

Place = str | os.PathLike[str]


def import_model(
    source: Place, output: Place, *, weights: Place | None = None, image: int | None = None, force: bool = False
) -> Model:
    """Write a network from outside as a model's folder, and take it; as `spacelang import`.

    Args:
        source: `timm:NAME`, such as `timm:swin_s3_tiny_224`; or a file of weights (.safetensors, .pth) of timm's
            Swin or Swin-S3, of Swin, or of AutoFormerV2.
        output: the folder to write.
        weights: with `timm:NAME`, a file of its weights; None: random ones.
        image: with a file, the side of the images that the network was trained on, in pixels; None: 224.
        force: whether to replace what is there.

    Raises:
        NotAnOption: for a side that no image has.
        Failure: for what names no network, for one that no architecture of ours describes, and where something else
            is there already.
    """
    from spacelang_runtime.app.import_model import import_model as import_

    if image is not None and not 1 <= image <= LARGEST_IMAGE:
        raise NotAnOption("image", f"{image} is not from 1 to {LARGEST_IMAGE}")
    known = None if weights is None else Path(weights)
    made = import_(os.fspath(source), Path(output), known, image, force).model
    return Model(made.network, made.notes, made.preprocessing)
