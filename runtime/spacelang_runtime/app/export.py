"""A network as a model that stands on its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from attrs import frozen

from spacelang.amount import short
from spacelang.architecture import Architecture
from spacelang_runtime.app.deploy import FORMS, Deployment, deploy, files_of, require
from spacelang_runtime.app.model import SavedModel, of_folder
from spacelang_runtime.failure import Failure

if TYPE_CHECKING:
    from spacelang.lower.lowered import Lowered
    from spacelang_runtime.engine.run import RunFolder

Format = Literal[
    "safetensors", "timm", "hf", "swin", "torch-export", "onnx", "openvino", "executorch", "litert", "coreml"
]
FORMATS: tuple[Format, ...] = get_args(Format)
SUFFIXES: Mapping[str, Format] = {
    ".pt2": "torch-export",
    ".onnx": "onnx",
    ".xml": "openvino",
    ".pte": "executorch",
    ".tflite": "litert",
    ".mlpackage": "coreml",
}
SUFFIX: Mapping[Format, str] = {form: suffix for suffix, form in SUFFIXES.items()}


@frozen
class ExportResult:
    """A model that was written. said: its size, and what was checked, in words. preview: it comes from a run that
    was only a look at how things work."""

    path: Path
    architecture: Architecture
    said: str
    preview: bool


def require_known(path: Path) -> None:
    """Refuse the name of a file that no format writes, or nearly that of one that a format does, where the name
    says the format. Raises `Failure`."""
    from spacelang_runtime.nn.files import WEIGHTS, file_like, require_folder

    suffix = path.suffix.lower()
    if suffix in SUFFIXES or path.is_dir():
        return
    if suffix in WEIGHTS:
        require_folder(path)
    if near := get_close_matches(suffix, SUFFIXES, 1, 0.75):
        raise Failure(f"no format ends in {path.suffix}", f"did you mean {path.with_suffix(near[0])}?")
    if file_like(path):
        raise Failure(
            f"{path} is the name of a file, and no format ends in {path.suffix}",
            f"files end in {', '.join(SUFFIXES)}; for a folder, take {path.with_suffix('')}/, or say "
            "--format safetensors",
        )


def format_of(path: Path, given: str | None) -> Format:
    """The format that is asked for, or that the output's name says, else `safetensors`. Raises `Failure`."""
    if given is None:
        return SUFFIXES.get(path.suffix.lower(), "safetensors")
    found = next((name for name in FORMATS if name == given), None)
    if found is None:
        raise Failure(f"{given!r} is no format", f"one of {', '.join(FORMATS)}")
    if found in FORMS and path.suffix.lower() != SUFFIX[found]:
        raise Failure(f"a file for {found} ends in {SUFFIX[found]}", f"name it {path.with_suffix(SUFFIX[found])}")
    return found


def require_words(form: Format, how: Deployment) -> None:
    """Refuse words that do not go with a format, before anything is loaded. Raises `Failure`."""
    if how.image is not None and form not in SUFFIX:
        raise Failure(f"{form} has no image size of its own", f"it goes with {', '.join(SUFFIX)}")
    match form:
        case "onnx" | "openvino" | "executorch" | "litert" | "coreml":
            require(form, how)
        case _ if how.batch is not None or how.int8 or how.data is not None:
            raise Failure(f"{form} has no batch, no int8 and no data", f"they go with {', '.join(FORMS)}")


def require_free(output: Path, form: Format) -> None:
    """Make sure that nothing stands where a file would be written. Raises `Failure`."""
    from spacelang_runtime.nn.files import require_free as free

    match form:
        case "onnx" | "openvino" | "executorch" | "litert" | "coreml":
            for path in files_of(output, form):
                free(path)
        case "torch-export":
            free(output)


def of_run(
    what: str,
    run: RunFolder,
    lowered: Lowered,
    say: Callable[[str], None] = lambda _: None,
    inherited: bool = False,
) -> SavedModel:
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
    return SavedModel(network, provenance(run, architecture), preprocessing_of(run, say))


def write(
    model: SavedModel, output: Path, form: Format, how: Deployment = Deployment(), force: bool = False
) -> ExportResult:
    """Write a model. how: of the formats that are files (`app.deploy`). force: replace what is there.

    Raises `Failure` where something else is there already, where a format cannot hold the network, and where
    `deploy` does.
    """
    from spacelang.lower.cost import price

    network, notes, seen = model.network, model.notes, model.preprocessing
    cost = price(network.architecture)
    said = f"{short(cost.params)} params, {short(cost.flops)} MACs"
    if not force:
        require_free(output, form)
    match form:
        case "onnx" | "openvino" | "executorch" | "litert" | "coreml":
            said += f", {deploy(model, output, form, how)}"
        case "torch-export":
            from spacelang_runtime.export import program
            from spacelang_runtime.export.metadata import metadata

            told = metadata(network.architecture, how.image, notes, seen)
            said += f", {short(program.write(network, output, how.image, told))}B"
        case "swin":
            from spacelang_runtime.export.swin import write as write_swin

            write_swin(network, output, notes, force, seen)
            said += ", as a Swin transformer of timm"
        case _:
            from spacelang_runtime.nn.saved import save

            save(network, output, notes, force, seen)
    return ExportResult(output, network.architecture, said, bool(notes.get("preview")))
