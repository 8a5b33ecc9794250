"""A run as a page."""

from __future__ import annotations

import os
from pathlib import Path

from spacelang.api.trained import TrainedRun


def report(run: TrainedRun, output: str | os.PathLike[str] | None = None) -> Path:
    """Write the run as one HTML page that needs no web, and say where it is; as `spacelang report`.

    Args:
        output: the file to write, or its folder; None: report.html in the run.

    Raises:
        Failure: for a place that cannot be written, and for a run whose files are damaged.
    """
    from spacelang_runtime.app.report import report as report_

    return Path(report_(run.kept, run.space.lowered, None if output is None else Path(output)))
