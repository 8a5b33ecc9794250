"""A network of a run, written as a model that stands on its own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from attrs import frozen

from spacelang.api.architecture import Architecture
from spacelang.api.held_out import held_out
from spacelang.api.model import Model
from spacelang.api.trained import Say, TrainedRun, silent

Format = Literal[
    "safetensors", "timm", "hf", "swin", "torch-export", "onnx", "openvino", "executorch", "litert", "coreml"
]


@frozen
class Exported:
    """A model that was written. said: its size, and what was checked, in words. preview: it comes from a run that
    was only a look at how things work."""

    path: Path
    architecture: Architecture
    said: str
    preview: bool


def export(
    run: TrainedRun,
    output: str | os.PathLike[str],
    what: str | Architecture = "best",
    *,
    format: Format | None = None,
    image: int | None = None,
    batch: int | None = None,
    int8: bool = False,
    data: str | None = None,
    test_share: float | str | None = None,
    test_seed: int = 0,
    force: bool = False,
    inherited: bool = False,
) -> Exported:
    """Write a network of the run as a model that stands on its own; as `spacelang export`.

    Args:
        output: a folder, or a file for a runtime: `.onnx`, `.xml`, `.pte`, `.tflite`, `.mlpackage`, `.pt2`.
        what: `best`, `cheapest`, `largest`, `smallest`, a name, a line, a network.
        format: `safetensors`, `timm`, `hf`, `swin`, `torch-export`, `onnx`, `openvino`, `executorch`, `litert` or
            `coreml`; None: what the output's name says.
        image: of formats that are files, another side of the images, in pixels.
        batch: of `executorch`, `litert` and `coreml`, images at a time; None: 1.
        int8: whether the network is quantised by the training images of `data`, and tested on its test images
            before and after; of `onnx`, `openvino` and `executorch`.
        data: that data: a folder, or `digits`.
        test_share: of every class, to be held out for the test, of data without a test split.
        test_seed: which images these are.
        force: whether to replace what is there.
        inherited: whether the weights are the supernet's also where the network was finished.

    Raises:
        Failure: where something else is there already, where a format cannot hold the network, where a package is
            missing, and where a file's runtime computes something else than torch.
    """
    from spacelang_runtime.app.deploy import Deployment
    from spacelang_runtime.app.export import format_of, of_run, require_known, require_words, write

    path = Path(output)
    if format is None:
        require_known(path)
    form = format_of(path, format)
    how = Deployment(image, batch, int8, data, held_out=held_out(test_share, test_seed))
    require_words(form, how)
    made = write(of_run(str(what), run.kept, run.space.lowered, inherited=inherited), path, form, how, force)
    return Exported(made.path, Architecture(made.architecture), made.said, made.preview)


def model(
    run: TrainedRun, what: str | Architecture = "best", *, inherited: bool = False, say: Say = silent
) -> Model:
    """A network of the run, with the weights of its finish where it has one.

    Args:
        what: `best`, `cheapest`, `largest`, `smallest`, a name, a line, a network.
        inherited: whether the weights are the supernet's all the same.
        say: told in lines what a person is to know.
    """
    from spacelang_runtime.app.export import of_run

    made = of_run(str(what), run.kept, run.space.lowered, say, inherited)
    return Model(made.network, made.notes, made.preprocessing)
