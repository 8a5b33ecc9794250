"""`spacelang attention`: what the heads of a network look at, and how alike they are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spacelang.cli.options import MovedData, Runs
from spacelang.cli.terminal import console, fail, grid, refused, say, say_once
from spacelang.runs import RUNS

if TYPE_CHECKING:
    from spacelang_runtime.app.attention import InspectedNetwork


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
    looked = _looked(what, network, data, runs)
    if similarity is not None:
        _similarity(looked, similarity, images or 64, output or Path("similarity"))
        return
    from spacelang_runtime.app.attention import MapsRequest, maps

    assert image is not None
    place = None if at is None else _pixel(at, looked.network.architecture.frame.image)
    with refused():
        drawn = maps(looked, MapsRequest(image, output or Path("attention"), stage, block, place))
    (png, svg), (x, y) = drawn.files, drawn.at
    print(f"{png}, {svg}: {drawn.heads} heads of stage {drawn.stage}, block {drawn.block}, seen from {x},{y}")


def _looked(what: str | None, network: str | None, data: str | None, runs: Path) -> InspectedNetwork:
    """The network meant, what to call it, and what it is scored by."""
    from spacelang_runtime.app.attention import InspectedNetwork

    if what is not None and (Path(what) / "config.json").is_file():
        from spacelang_runtime.nn.saved import load, preprocessing_of

        if network is not None:
            fail(f"{what} is a model, a network by itself", "leave --network out")
        return InspectedNetwork(load(what), Path(what).resolve().name, preprocessing_of(what))
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
    return InspectedNetwork(model, f"{meant} of {run.name}", of_run(run, say, data))


def _pixel(at: str, side: int) -> tuple[int, int]:
    """A place in the square that a network sees, as x and y."""
    parts = at.split(",")
    if len(parts) != 2 or not all(part.strip().isdecimal() for part in parts):
        raise typer.BadParameter(
            f"{at!r} is not of the form X,Y, such as {side // 2},{side // 2}", param_hint="--at"
        )
    x, y = (int(part) for part in parts)
    if x >= side or y >= side:
        raise typer.BadParameter(f"{at} lies outside the {side}×{side} pixels", param_hint="--at")
    return x, y


def _similarity(looked: InspectedNetwork, folder: Path, count: int, output: Path) -> None:
    from spacelang_runtime.app.attention import draw_similarity, similarity

    architecture = looked.network.architecture
    found = similarity(looked, folder, count)
    body = []
    for one in found:
        stage, layer = one.place
        widths = architecture.stages[stage]
        shape = widths.layers[layer]
        mean = "" if one.mean is None else f"{one.mean:.3f}"
        body.append([f"{stage + 1}", f"{layer + 1}", f"{shape.heads}", f"{shape.qkv} / {widths.embed}", mean])
    console().print(grid(["stage", "block", "heads", "qkv / embed", "similarity"], body))
    if all(one.mean is None for one in found):
        fail(f"no layer of {looked.name} has two heads to compare")
    png, svg = draw_similarity(looked, found, output)
    print(f"{png}, {svg}")
