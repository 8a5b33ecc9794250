"""`spacelang export`: a network of a run as a model that stands on its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spacelang.architecture import LARGEST_IMAGE
from spacelang.cli.model import is_run
from spacelang.cli.options import Force, Runs, TestSeed, TestShareOption, WeightsOf
from spacelang.cli.terminal import fail, refused, say, say_once
from spacelang.runs import RUNS
from spacelang_runtime.failure import Failure

if TYPE_CHECKING:
    from spacelang_runtime.app.model import SavedModel

FORMATS = {
    "safetensors": "a folder with config.json and model.safetensors",
    "timm": "the same folder: timm.create_model reads it",
    "hf": "the same folder: transformers' from_pretrained reads it",
    "swin": "a folder for timm's own Swin, where the network is one",
    "torch-export": "a file for torch.export.load, .pt2, with any batch",
    "onnx": "a file, .onnx, with any batch, checked in onnxruntime",
    "openvino": "two files, .xml and .bin, with any batch, checked in OpenVINO",
    "executorch": "a file, .pte, checked in ExecuTorch",
    "litert": "a file, .tflite, checked in LiteRT",
    "coreml": "a folder, .mlpackage, for Apple's systems",
}


def export(
    what: Annotated[
        str,
        typer.Argument(
            help="best, cheapest, largest, smallest, a name that inspect shows, a line, a JSON file; "
            "a run, for its best; or a model's folder."
        ),
    ] = "best",
    output: Annotated[Path | None, typer.Option("-o", "--output", help="The folder or file to write.")] = None,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="; ".join(f"{name}: {meaning}" for name, meaning in FORMATS.items())
            + ". Default: what the output's name says, else safetensors.",
        ),
    ] = None,
    image: Annotated[
        int | None,
        typer.Option(min=1, max=LARGEST_IMAGE, help="Of formats that are files: another side of the images."),
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(min=1, max=1024, help="Of executorch, litert and coreml: images at a time (default: 1)."),
    ] = None,
    int8: Annotated[
        bool, typer.Option("--int8", help="Of onnx, openvino and executorch: quantised to int8, by --data.")
    ] = False,
    data: Annotated[
        str | None,
        typer.Option(help="With --int8: training images that set its ranges, and test images that judge it."),
    ] = None,
    test_share: TestShareOption = None,
    test_seed: TestSeed = 0,
    force: Force = False,
    run: WeightsOf = None,
    inherited: Annotated[
        bool, typer.Option("--inherited", help="The weights of the supernet, also where the network was finished.")
    ] = False,
    runs: Runs = RUNS,
) -> None:
    """Write a network of a run, with its weights, or a model's folder in another form.

    The weights are those of the network's finish where it has one (spacelang finish), else those that it inherits.
    """
    from spacelang.api.held_out import held_out
    from spacelang_runtime.app.deploy import Deployment
    from spacelang_runtime.app.export import SUFFIXES, format_of, require_free, require_known, require_words, write
    from spacelang_runtime.app.model import of_folder

    if output is None:
        fail("where to?", "name a folder: spacelang export best -o model/")
    if form is None:
        with refused():
            require_known(output)
    chosen = form or SUFFIXES.get(output.suffix.lower(), "safetensors")
    if chosen not in FORMATS:
        raise typer.BadParameter(f"{form!r} is none of {', '.join(FORMATS)}", param_hint="--format")
    how = Deployment(image, batch, int8, data, say=say, held_out=held_out(test_share, test_seed))
    try:
        named = format_of(output, form)
        require_words(named, how)
    except Failure as wrong:
        fail(wrong.message, wrong.remedy, code=2)
    if not force:
        require_free(output, named)
    model = of_folder(what) if run is None and _is_folder(what) else _of_run(what, run, runs, inherited)
    made = write(model, output, named, how, force)
    if made.preview:
        say("this model comes from a PREVIEW: it has learned next to nothing")
    print(f"{output}: {made.architecture.name}, {made.said}")


def _is_folder(what: str) -> bool:
    return (Path(what) / "config.json").is_file()


def _of_run(what: str, run: str | None, runs: Path, inherited: bool) -> SavedModel:
    from spacelang.lower.lowered import lower
    from spacelang_runtime.app.export import of_run
    from spacelang_runtime.engine.latest import serving

    # Before torch is loaded: a wrong name is answered at once.
    if run is None and is_run(what, runs):
        what, run = "best", what
    found = serving(runs, run, "best" if what in ("best", "cheapest") else "weights", say_once)
    return of_run(what, found, lower(found.space), say, inherited)
