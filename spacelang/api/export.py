"""A network of a run, written as a model that stands on its own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from attrs import frozen

from spacelang.api.architecture import Architecture
from spacelang.api.error import NotAnOption
from spacelang.api.model import Model
from spacelang.api.trained import Say, Trained, silent

Format = Literal["safetensors", "timm", "hf", "swin", "onnx", "torch-export"]


@frozen
class Exported:
    """A model that was written. said: its size, and what was checked, in words. preview: it comes from a run that
    was only a look at how things work."""

    path: Path
    architecture: Architecture
    said: str
    preview: bool


def export(
    run: Trained,
    output: str | os.PathLike[str],
    what: str | Architecture = "best",
    *,
    format: Format | None = None,
    image: int | None = None,
    force: bool = False,
    inherited: bool = False,
) -> Exported:
    """Write a network of the run as a model that stands on its own; as `spacelang export`.

    Args:
        output: a folder, or a file of `.onnx` or `.pt2`.
        what: `best`, `cheapest`, `largest`, `smallest`, a name, a line, a network.
        format: `safetensors`, `timm`, `hf`, `swin`, `onnx` or `torch-export`; None: what the output's name says.
        image: of `onnx` and `torch-export`, another side of the images, in pixels.
        force: whether to replace what is there.
        inherited: whether the weights are the supernet's also where the network was finished.

    Raises:
        Failure: where something else is there already, and where a format cannot hold the network.
    """
    from spacelang_runtime.app.export import SUFFIXES, format_of, of_run, write

    path = Path(output)
    form = format_of(path, format)
    if image is not None and form not in SUFFIXES.values():
        raise NotAnOption("image", f"{form} has no image size of its own: it goes with onnx and torch-export")
    made = write(of_run(str(what), run.kept, run.space.lowered, inherited=inherited), path, form, image, force)
    return Exported(made.path, Architecture(made.architecture), made.said, made.preview)


def model(run: Trained, what: str | Architecture = "best", *, inherited: bool = False, say: Say = silent) -> Model:
    """A network of the run, with the weights of its finish where it has one.

    Args:
        what: `best`, `cheapest`, `largest`, `smallest`, a name, a line, a network.
        inherited: whether the weights are the supernet's all the same.
        say: told in lines what a person is to know.
    """
    from spacelang_runtime.app.export import of_run

    made = of_run(str(what), run.kept, run.space.lowered, say, inherited)
    return Model(made.network, made.notes, made.preprocessing)
