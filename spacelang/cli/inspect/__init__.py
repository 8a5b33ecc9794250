"""`spacelang inspect`: look at a space, a run or an architecture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from spacelang.cli.options import AsJson, Runs, bounding
from spacelang.cli.terminal import fail, say
from spacelang.language.measures import EXACT
from spacelang.runs import RUNS

if TYPE_CHECKING:
    from spacelang.architecture import Architecture
    from spacelang_runtime.engine.run import RunFolder


def inspect(
    what: Annotated[
        str | None,
        typer.Argument(
            help="A .space file, a run, a network (line, JSON file, model folder; of a run: best, cheapest, "
            "largest, smallest, a name); default: the latest run."
        ),
    ] = None,
    flops: Annotated[str | None, bounding("flops", "Of a space: count the networks with MACs")] = None,
    params: Annotated[str | None, bounding("params", "Of a space: count those with parameters")] = None,
    latency: Annotated[str | None, bounding("latency", "Of a space, by a table of latency")] = None,
    cost: Annotated[list[Path] | None, typer.Option(help="Of a space: a table of a further cost, as JSON.")] = None,
    bound: Annotated[
        list[str] | None, typer.Option(metavar="NAME=WINDOW", help="A bound on any measure: energy=2..2.5.")
    ] = None,
    histogram: Annotated[
        bool, typer.Option("--histogram", help="Of a space: how many networks cost how much, every bar exact.")
    ] = False,
    of: Annotated[str, typer.Option(help=f"Its measure: {', '.join(EXACT)} or that of a table.")] = "flops",
    bins: Annotated[int, typer.Option(min=1, max=400, help="Bars of the histogram.")] = 20,
    plot: Annotated[Path | None, typer.Option(help="Write the histogram to a .svg or .png file.")] = None,
    options: Annotated[
        bool, typer.Option("--options", help="Of a space: how many networks take each option, and their costs.")
    ] = False,
    as_json: AsJson = False,
    runs: Runs = RUNS,
) -> None:
    """Show a space as a table with its size and costs, how far a run has come, or what a network is."""
    if plot is not None and plot.suffix.lower() not in (".svg", ".png"):
        raise typer.BadParameter(f"{plot} ends neither in .svg nor in .png", param_hint="--plot")
    from spacelang.cli.inspect import space

    asked = space.InspectRequest(
        flops, params, latency, tuple(cost or ()), tuple(bound or ()), histogram, of, bins, plot, options
    )
    if what is not None and (what.endswith(".space") or what == "-"):
        space.show(Path(what), asked, as_json)
        return
    if asked != space.InspectRequest(of=of, bins=bins):
        fail("bounds, costs, histograms and options are of a space", "name a .space file")
    from spacelang.cli.inspect import architecture, run
    from spacelang_runtime.search.target import read

    found = None if what is None else read(what) or _of_a_run(runs, what)
    if found is not None:
        folder = Path(str(what))
        if folder.is_dir() and not (folder / "model.safetensors").is_file():
            say(f"{folder} has no model.safetensors: this is its network, without weights")
        architecture.show(found, as_json)
    else:
        run.show(_run(runs, what), as_json)


def _of_a_run(runs: Path, what: str) -> Architecture | None:
    """The network that `export` would take by the same word or name; None for a word that is none."""
    from spacelang.cli.model import is_run
    from spacelang.lower.lowered import lower
    from spacelang_runtime.engine.latest import serving
    from spacelang_runtime.search.target import names_one, resolve

    if is_run(what, runs) or not names_one(what):
        return None
    run = serving(runs, None, "best" if what in ("best", "cheapest") else "weights", say)
    say(f"{what} of {run.name}:")
    found: Architecture = resolve(what, run, lower(run.space))
    return found


def _run(runs: Path, what: str | None) -> RunFolder:
    """The run of that name, or the latest."""
    from spacelang_runtime.engine.run import every, find, open_run
    from spacelang_runtime.tasks.transfer.run import TASKS

    names = [run.name for run in every(runs)]
    if what is not None and what not in names:
        other = open_run(runs / what) or open_run(Path(what))
        if other is None:
            _unknown(what, runs, names)
        if other.record.task in TASKS:
            fail(
                f"{what} is a run of transfer {other.record.task}, and inspect shows runs of spaces",
                f"spacelang transfer {other.record.task} {what} --eval tells its figures",
            )
    return find(runs, what)


def _unknown(what: str, runs: Path, names: list[str]) -> NoReturn:
    from difflib import get_close_matches

    from spacelang.api.text import meant
    from spacelang.diagnostics import listed

    known = f"the runs in {runs}/: {', '.join(names) or 'none'}"
    if what.endswith(".json"):
        fail(f"there is no file {what}", "name the JSON file of an architecture, or give its line")
    if Path(what).is_dir():
        fail(f"the folder {what} holds neither a run nor a model", known)
    likely = [*get_close_matches(what, names), *meant(what)]
    fail(f"{what!r} is no run, space or architecture", f"did you mean {listed(likely)}?" if likely else known)
