"""A published network as a model of ours."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

from spacelang.amount import short
from spacelang_runtime.app.model import SavedModel
from spacelang_runtime.failure import Failure
from spacelang_runtime.nn.files import WEIGHTS, require_folder

IMAGE = 224  # the side of the images of a file, where nothing is said


@frozen(eq=False)
class Imported:
    """A model that was written. said: its size, and where its weights come from, in words."""

    model: SavedModel
    said: str


def require_source(source: str) -> None:
    """Refuse what names no network, before torch is loaded. Raises `Failure`."""
    file = Path(source)
    if file.is_file() or _name(source):
        return
    raise Failure(_none(source, file), "write timm:NAME, such as timm:swin_s3_tiny_224, or name a file of weights")


def import_model(
    source: str, output: Path, weights: Path | None = None, image: int | None = None, force: bool = False
) -> Imported:
    """Write a network from outside as a model's folder.

    source: `timm:NAME`, or a file of weights. weights: of `timm:NAME`, a file; None: random ones. image: of a file,
    the side of the images that it was trained on; None: 224. force: replace what is there. Raises `Failure` for
    what names no network, for one that no architecture of ours describes, and where something else is there
    already.
    """
    require_source(source)
    require_folder(output)
    file = Path(source)
    if file.is_file() and weights is not None:
        raise Failure(f"{source} is a file of weights itself", "leave --weights out")
    if not file.is_file() and image is not None:
        raise Failure(f"{source} says itself which images it takes", "leave --image out")

    from spacelang.lower.cost import price
    from spacelang_runtime.nn.convert import from_file, from_timm
    from spacelang_runtime.nn.saved import save
    from spacelang_runtime.preprocessing import Preprocessing

    if file.is_file():
        network, preprocessing = from_file(file, image or IMAGE), Preprocessing()
    else:
        network, preprocessing = from_timm(_name(source), weights)
    cost = price(network.architecture)
    origin = f"weights of {weights or file}" if weights or file.is_file() else "random weights"
    notes = {"name": network.architecture.name, "source": source, "origin": f"{source}, {origin}"}
    save(network, output, notes, force, preprocessing)
    sizes = f"{network.architecture.frame.image} pixels, {short(cost.params)} params, {short(cost.flops)} MACs"
    return Imported(SavedModel(network, notes, preprocessing), f"{sizes}, {origin}")


def _name(source: str) -> str:
    """What a source calls a network of timm; empty where it names none."""
    kind, _, name = source.partition(":")
    return name if kind == "timm" else ""


def _none(source: str, file: Path) -> str:
    """Why a text names no network."""
    if file.is_dir():
        return f"{source} is a folder, not a file of weights"
    if file.suffix in WEIGHTS or file.parent != Path():
        return f"there is no file {source}"
    return f"{source!r} is no source of networks"
