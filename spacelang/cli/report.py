"""`spacelang report`: a run as one page for a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spacelang.cli.options import Runs, SomeRun
from spacelang.cli.terminal import refused, say
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
    from spacelang_runtime.app.report import report as report_
    from spacelang_runtime.engine.run import find

    found = find(runs, run)
    with refused():
        path = report_(found, lower(found.space), output)
    print(path)
    say("open it in any browser; it needs nothing else")
