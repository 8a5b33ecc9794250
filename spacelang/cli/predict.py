"""`spacelang predict`: what photos show."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from spacelang.cli.model import is_run
from spacelang.cli.terminal import fail, refused, say, say_once
from spacelang.runs import RUNS

if TYPE_CHECKING:
    from spacelang.api.model import Model
    from spacelang.api.predict import Prediction

SAID = 3  # classes under a photo of a sheet


def predict(
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="[MODEL|RUN] PHOTO…",
            help="A model's folder or a run (default: the latest run); then photos, folders of them, or - for a "
            "list on standard input.",
        ),
    ],
    top: Annotated[int, typer.Option(min=1, max=10**6, help="How many classes of each photo.")] = 5,
    network: Annotated[
        str | None,
        typer.Option(
            help="Of a run: best, cheapest, largest, smallest, a name, a line "
            "(default: best, or largest before a search)."
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Also a contact sheet: a .png, .jpg or .webp file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    workers: Annotated[int | None, typer.Option(min=0, max=1024, help="Processes that read photos.")] = None,
    runs: Annotated[Path, typer.Option(help="The folder of all runs.")] = RUNS,
) -> None:
    """Say what photos show: the likeliest classes by name, with their shares.

    Photos are looked at as test images are. Those that cannot be read are named and left out.
    """
    if output is not None:
        from spacelang_runtime.visualize.picture_file import require_picture

        with refused():
            require_picture(output)
    given, places = (what[0], what[1:]) if _names_a_model(what[0], runs) else (None, what)
    late = next((word for word in places if not Path(word).is_file() and _is_a_model(word, runs)), None)
    if late is not None:
        others = " ".join(quote(word) for word in what if word != late)
        fail(f"{late} is a model or a run, which comes before the photos", f"spacelang predict {late} {others}")
    if not places:
        fail("which photos?", f"name them, or a folder: spacelang predict {given} photo.jpg")

    from spacelang.api.predict import far_off, photos_of

    listed = [line for place in places if place == "-" for line in sys.stdin.read().splitlines() if line.strip()]
    photos = (*photos_of([place for place in places if place != "-"]), *map(Path, listed))
    if not photos:
        fail("the list on standard input is empty", "give it a path a line: find photos -name '*.jpg' | …")
    model = _model(given, network, runs)
    predictions = []
    for one in model.predicting(photos, top, device, workers):
        predictions.append(one)
        if one.broken:
            say(f"skipped: {one.photo}: {one.broken}")
        elif not as_json:
            print("  ".join([str(one.photo), *(f"{name} {share:.1%}" for name, share in one.shares)]))
    if as_json:
        print(json.dumps([one.record() for one in predictions], indent=2))
    if output is not None:
        _draw(predictions, output)
    if (line := far_off(predictions, model.network.architecture.frame, model.classes)) is not None:
        say(line)
    if all(one.broken for one in predictions):
        fail("no photo could be read")


def _names_a_model(word: str, runs: Path) -> bool:
    """Whether the first word is a model or a run, or meant to be: no photo, no list, and no folder of photos."""
    path = Path(word)
    return _is_a_model(word, runs) or (word != "-" and not path.exists() and not path.suffix)


def _is_a_model(word: str, runs: Path) -> bool:
    """Whether a word is the folder of a model, or a run."""
    return (Path(word) / "config.json").is_file() or is_run(word, runs)


def _model(what: str | None, network: str | None, runs: Path) -> Model:
    """The model that is asked."""
    if what is not None and (Path(what) / "config.json").is_file():
        from spacelang.api.model import load_model

        if network is not None:
            fail(f"{what} is a model, a network by itself", "leave --network out")
        return load_model(what)
    from spacelang.api.run import Run
    from spacelang_runtime.engine.latest import serving

    run = serving(runs, what, "weights", say_once)
    if run.record.preview:
        say("this run is a PREVIEW: its answers mean nothing")
    meant = network or ("best" if run.best else "largest")
    say(f"{meant} of {run.name}")
    return Run(run).model(meant, say=say)


def _draw(predictions: list[Prediction], output: Path) -> None:
    """Write the contact sheet."""
    from spacelang_runtime.visualize.contact_sheet import MOST, contact_sheet
    from spacelang_runtime.visualize.picture_file import write

    if len(predictions) > MOST:
        say(f"the sheet has the first {MOST} of {len(predictions)} photos")
    shown = [
        (one.photo, [one.photo.name, *(f"{name} {share:.0%}" for name, share in one.shares[:SAID])])
        for one in predictions[:MOST]
    ]
    write(contact_sheet(shown), output)
    say(f"drawn: {output}")
