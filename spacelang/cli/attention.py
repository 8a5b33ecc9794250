"""`spacelang attention`: what the heads of a network look at, and how alike they are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spacelang.cli.options import MovedData, Runs
from spacelang.cli.terminal import console, fail, grid, say, say_once
from spacelang.runs import RUNS

if TYPE_CHECKING:
    from spacelang_runtime.nn.network import Network
    from spacelang_runtime.preprocessing import Preprocessing


def attention(
    what: Annotated[str | None, typer.Argument(help="A model's folder, or a run (default: the latest).")] = None,
    image: Annotated[Path | None, typer.Option(help="A photo: the map of every head of one layer.")] = None,
    stage: Annotated[
        int | None,
        typer.Option(min=1, help="The stage of that layer, from 1 (default: 3, or the last of fewer)."),
    ] = None,
    block: Annotated[
        int | None, typer.Option(min=1, help="The layer in its stage, from 1 (default: the last).")
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="X,Y", help="The reference, in pixels of the square the network sees (default: its middle)."
        ),
    ] = None,
    similarity: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Compare the heads of every layer, over a folder of images."),
    ] = None,
    images: Annotated[
        int | None, typer.Option(min=1, help="With --similarity: how many images (default: 64).")
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(
            help="Of a run: best, cheapest, largest, smallest, a name, a line "
            "(default: best, or largest before a search)."
        ),
    ] = None,
    data: MovedData = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The figure: NAME.png and NAME.svg are written.")
    ] = None,
    runs: Runs = RUNS,
) -> None:
    """Draw where every head of a layer looks from one place of a photo; or how alike all heads of a layer are."""
    if (image is None) == (similarity is None):
        fail(
            "one photo for maps, or one folder for similarities?",
            "say --image photo.jpg --stage 3 --block 7, or --similarity FOLDER",
        )
    if similarity is not None and (stage or block or at):
        fail("--similarity compares the heads of every layer", "leave --stage, --block and --at out")
    if image is not None and images:
        fail("--images goes with --similarity", "leave it out")
    model, name, seen = _model(what, network, data, runs)
    if similarity is not None:
        _similarity(model, name, seen, similarity, images or 64, output or Path("similarity"))
    else:
        _maps(model, name, seen, Path(str(image)), stage, block, at, output or Path("attention"))


def _model(
    what: str | None, network: str | None, data: str | None, runs: Path
) -> tuple[Network, str, Preprocessing]:
    """The network meant, what to call it, and what it is scored by."""
    if what is not None and (Path(what) / "config.json").is_file():
        from spacelang_runtime.nn.saved import load, preprocessing_of

        if network is not None:
            fail(f"{what} is a model, a network by itself", "leave --network out")
        return load(what), Path(what).resolve().name, preprocessing_of(what)
    from spacelang_runtime.engine.latest import serving
    from spacelang_runtime.search.target import OF_A_RUN

    if what in OF_A_RUN:
        fail(f"{what} is a network of a run", f"say --network {what}")
    run = serving(runs, what, "weights", say_once)

    import torch

    from spacelang.lower.lowered import lower
    from spacelang_runtime.engine.supernet import trained
    from spacelang_runtime.nn.extract import extract
    from spacelang_runtime.search.target import resolve
    from spacelang_runtime.tasks.supernet.data import preprocessing_of as of_run

    lowered = lower(run.space)
    meant = network or ("best" if run.best else "largest")
    architecture = resolve(meant, run, lowered)
    if run.record.preview:
        say("this run is a PREVIEW: its maps mean nothing")
    model = extract(trained(run, lowered, torch.device("cpu")), architecture)
    return model, f"{meant} of {run.name}", of_run(run, say, data)


def _maps(
    model: Network,
    name: str,
    seen: Preprocessing,
    image: Path,
    stage: int | None,
    block: int | None,
    at: str | None,
    output: Path,
) -> None:
    from spacelang_runtime.visualize import panels
    from spacelang_runtime.visualize.photo import photo, read
    from spacelang_runtime.visualize.weights import maps

    architecture = model.architecture
    frame, depths = architecture.frame, [len(s.layers) for s in architecture.stages]
    stage = min(3, len(depths)) if stage is None else stage
    if stage > len(depths):
        fail(f"{name} has {_count(len(depths), 'stage')}, not {stage}", f"take --stage {len(depths)}")
    last = depths[stage - 1]
    block = last if block is None else block
    if block > last:
        fail(f"stage {stage} of {name} has {_count(last, 'block')}, not {block}", f"take --block {last}")
    if image.resolve() in (file.resolve() for file in panels.files(output)):
        fail(f"the figure would replace {image}", "write it elsewhere: -o NAME")
    x, y = _pixel(at, frame.image)
    stride = frame.patch << (stage - 1)
    picture = photo(image, frame, seen)
    found = maps(model, read([picture], frame, seen), (stage - 1, block - 1), (y // stride, x // stride))
    layer = architecture.stages[stage - 1].layers[block - 1]
    title = f"{name}, stage {stage}, block {block}, window {layer.window}"
    drawn = panels.attention(picture, found, (x, y), title)
    png, svg = panels.write(drawn, output)
    print(f"{png}, {svg}: {layer.heads} heads of stage {stage}, block {block}, seen from {x},{y}")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _pixel(at: str | None, side: int) -> tuple[int, int]:
    """A place in the square that a network sees, as x and y."""
    if at is None:
        return side // 2, side // 2
    parts = at.split(",")
    if len(parts) != 2 or not all(part.strip().isdecimal() for part in parts):
        raise typer.BadParameter(
            f"{at!r} is not of the form X,Y, such as {side // 2},{side // 2}", param_hint="--at"
        )
    x, y = (int(part) for part in parts)
    if x >= side or y >= side:
        raise typer.BadParameter(f"{at} lies outside the {side}×{side} pixels", param_hint="--at")
    return x, y


def _similarity(model: Network, name: str, seen: Preprocessing, folder: Path, count: int, output: Path) -> None:
    from spacelang_runtime.visualize import panels
    from spacelang_runtime.visualize.photo import batches
    from spacelang_runtime.visualize.similarity import similarities

    architecture = model.architecture
    found = similarities(model, batches(folder, architecture.frame, seen, count))
    body = []
    for one in found:
        stage, layer = one.place
        widths = architecture.stages[stage]
        shape = widths.layers[layer]
        mean = "" if one.mean is None else f"{one.mean:.3f}"
        body.append([f"{stage + 1}", f"{layer + 1}", f"{shape.heads}", f"{shape.qkv} / {widths.embed}", mean])
    console().print(grid(["stage", "block", "heads", "qkv / embed", "similarity"], body))
    if all(one.mean is None for one in found):
        fail(f"no layer of {name} has two heads to compare")
    png, svg = panels.write(panels.similarity(found, f"{name}: similarity of heads"), output)
    print(f"{png}, {svg}")
