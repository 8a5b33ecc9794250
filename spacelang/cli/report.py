"""`spacelang report`: a run as one page for a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spacelang.cli.options import Runs, SomeRun
from spacelang.cli.place import vacant
from spacelang.cli.terminal import say
from spacelang.runs import RUNS


def report(
    run: SomeRun = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The file to write, or its folder (default: report.html in the run)."),
    ] = None,
    runs: Runs = RUNS,
) -> None:
    """Write a run as one HTML page that needs no web: accuracy and cost, generations, lineage, training, space."""
    from spacelang.lower.lowered import lower
    from spacelang_runtime.atomic import replace
    from spacelang_runtime.engine.run import find
    from spacelang_runtime.report import page

    found = find(runs, run)
    path = output or found.folder / "report.html"
    path = path / f"{found.name}.html" if path.is_dir() else path
    vacant(path, "the page")
    text = page(found, lower(found.space))
    replace(path, lambda file: file.write(text.encode()))
    print(path)
    say("open it in any browser; it needs nothing else")
