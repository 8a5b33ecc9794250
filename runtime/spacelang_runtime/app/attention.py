"""What the heads of a network look at, and how alike they are, as figures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from spacelang_runtime.failure import Failure

if TYPE_CHECKING:
    from spacelang_runtime.nn.network import Network
    from spacelang_runtime.preprocessing import Preprocessing
    from spacelang_runtime.visualize.similarity import Similarity


@frozen(eq=False)
class InspectedNetwork:
    """A network whose heads are looked at. name: what it is called; preprocessing: what it is scored by."""

    network: Network
    name: str
    preprocessing: Preprocessing


@frozen
class MapsRequest:
    """The maps of every head of one layer, from one place of a photo. stage, block: from 1; None: the third stage
    or the last of fewer, and its last layer. at: the place, x and y in pixels of the square that the network
    sees; None: its middle. output: NAME.png and NAME.svg are written."""

    photo: Path
    output: Path
    stage: int | None = None
    block: int | None = None
    at: tuple[int, int] | None = None


@frozen
class Maps:
    """The figure that was written, as pictures of two kinds, and what it is of."""

    files: tuple[Path, Path]
    heads: int
    stage: int
    block: int
    at: tuple[int, int]


def maps(of: InspectedNetwork, request: MapsRequest) -> Maps:
    """Draw where every head of a layer looks from one place of a photo.

    Raises `Failure` for a layer that the network does not have, and for a figure that would replace the photo.
    """
    from spacelang_runtime.visualize import panels
    from spacelang_runtime.visualize.photo import photo, read
    from spacelang_runtime.visualize.weights import maps as maps_of

    architecture, image, name = of.network.architecture, request.photo, of.name
    frame, depths = architecture.frame, [len(s.layers) for s in architecture.stages]
    stage = min(3, len(depths)) if request.stage is None else request.stage
    if stage > len(depths):
        raise Failure(f"{name} has {_count(len(depths), 'stage')}, not {stage}", f"take --stage {len(depths)}")
    last = depths[stage - 1]
    block = last if request.block is None else request.block
    if block > last:
        raise Failure(f"stage {stage} of {name} has {_count(last, 'block')}, not {block}", f"take --block {last}")
    if image.resolve() in (file.resolve() for file in panels.files(request.output)):
        raise Failure(f"the figure would replace {image}", "write it elsewhere: -o NAME")
    x, y = request.at or (frame.image // 2, frame.image // 2)
    stride = frame.patch << (stage - 1)
    picture = photo(image, frame, of.preprocessing)
    inputs = read([picture], frame, of.preprocessing)
    found = maps_of(of.network, inputs, (stage - 1, block - 1), (y // stride, x // stride))
    layer = architecture.stages[stage - 1].layers[block - 1]
    title = f"{name}, stage {stage}, block {block}, window {layer.window}"
    files = panels.write(panels.attention(picture, found, (x, y), title), request.output)
    return Maps(files, layer.heads, stage, block, (x, y))


def similarity(of: InspectedNetwork, folder: Path, images: int) -> list[Similarity]:
    """How alike the heads of every layer are, over so many images of a folder."""
    from spacelang_runtime.visualize.photo import batches
    from spacelang_runtime.visualize.similarity import similarities

    return similarities(of.network, batches(folder, of.network.architecture.frame, of.preprocessing, images))


def draw_similarity(of: InspectedNetwork, found: list[Similarity], output: Path) -> tuple[Path, Path]:
    """Write the figure of it, NAME.png and NAME.svg."""
    from spacelang_runtime.visualize import panels

    return panels.write(panels.similarity(found, f"{of.name}: similarity of heads"), output)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"
