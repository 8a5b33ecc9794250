"""A network as a model that stands on its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from attrs import frozen

from spacelang.amount import short
from spacelang.architecture import Architecture
from spacelang_runtime.failure import Failure

if TYPE_CHECKING:
    from spacelang.lower.lowered import Lowered
    from spacelang_runtime.engine.run import Run
    from spacelang_runtime.nn.network import Network
    from spacelang_runtime.preprocessing import Preprocessing

Format = Literal["safetensors", "timm", "hf", "swin", "onnx", "torch-export"]
FORMATS: tuple[Format, ...] = get_args(Format)
SUFFIXES: Mapping[str, Format] = {".onnx": "onnx", ".pt2": "torch-export"}


@frozen
class Exported:
    """A model that was written. said: its size, and what was checked, in words. preview: it comes from a run that
    was only a look at how things work."""

    path: Path
    architecture: Architecture
    said: str
    preview: bool


@frozen(eq=False)
class Model:
    """A network with its weights, what is known of where it comes from, and how its images are prepared."""

    network: Network
    notes: dict[str, object]
    preprocessing: Preprocessing


def format_of(path: Path, given: str | None) -> Format:
    """The format that is asked for, or that the output's name says, else `safetensors`. Raises `Failure`."""
    if given is None:
        return SUFFIXES.get(path.suffix.lower(), "safetensors")
    found = next((name for name in FORMATS if name == given), None)
    if found is None:
        raise Failure(f"{given!r} is no format", f"one of {', '.join(FORMATS)}")
    return found


def of_folder(folder: str) -> Model:
    """The model of a folder. Raises `Failure` where there is none."""
    from spacelang_runtime.nn.saved import load, notes_of, preprocessing_of

    return Model(load(folder), notes_of(folder), preprocessing_of(folder))


def of_run(
    what: str, run: Run, lowered: Lowered, say: Callable[[str], None] = lambda _: None, inherited: bool = False
) -> Model:
    """A network of a run: `best`, `largest`, `smallest`, a name, a line.

    With the weights of its finish where it has one and `inherited` does not say otherwise; else with those that it
    inherits.
    """
    import torch

    from spacelang_runtime.engine.finished import finished
    from spacelang_runtime.engine.provenance import provenance
    from spacelang_runtime.engine.supernet import trained
    from spacelang_runtime.nn.extract import extract
    from spacelang_runtime.search.target import resolve
    from spacelang_runtime.tasks.supernet.data import preprocessing_of

    architecture = resolve(what, run, lowered)
    if not inherited and (finish := finished(run, architecture)) is not None:
        return of_folder(str(finish.model))
    network = extract(trained(run, lowered, torch.device("cpu")), architecture)
    return Model(network, provenance(run, architecture), preprocessing_of(run, say))


def write(model: Model, output: Path, form: Format, image: int | None = None, force: bool = False) -> Exported:
    """Write a model. image: of `onnx` and `torch-export`, another side of the images. force: replace what is there.

    Raises `Failure` where something else is there already, and where a format cannot hold the network.
    """
    from spacelang.lower.cost import price

    network, notes, seen = model.network, model.notes, model.preprocessing
    cost = price(network.architecture)
    said = f"{short(cost.params)} params, {short(cost.flops)} MACs"
    match form:
        case "onnx":
            from spacelang_runtime.export.metadata import metadata
            from spacelang_runtime.export.onnx_file import write as write_onnx

            made = write_onnx(network, output, image, metadata(network.architecture, image, notes, seen))
            said += f", {short(made.size)}B; onnxruntime gives torch's logits to {made.difference:.0e}"
        case "torch-export":
            from spacelang_runtime.export import program
            from spacelang_runtime.export.metadata import metadata

            told = metadata(network.architecture, image, notes, seen)
            said += f", {short(program.write(network, output, image, told))}B"
        case "swin":
            from spacelang_runtime.export.swin import write as write_swin

            write_swin(network, output, notes, force, seen)
            said += ", as a Swin transformer of timm"
        case _:
            from spacelang_runtime.nn.saved import save

            save(network, output, notes, force, seen)
    return Exported(output, network.architecture, said, bool(notes.get("preview")))
