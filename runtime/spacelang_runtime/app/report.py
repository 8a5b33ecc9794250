"""A run as one page for a browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from spacelang_runtime.atomic import replace, require_place

if TYPE_CHECKING:
    from spacelang.lower.lowered import Lowered
    from spacelang_runtime.engine.run import RunFolder


def report(run: RunFolder, lowered: Lowered, output: Path | None = None) -> Path:
    """Write the page of a run, and say where it is.

    lowered: the space of the run. output: a file, or its folder; None: report.html in the run. Raises `Failure` for
    a place that cannot be written, and for a run whose files are damaged.
    """
    from spacelang_runtime.report import page

    path = output or run.folder / "report.html"
    path = path / f"{run.name}.html" if path.is_dir() else path
    require_place(path, "the page")
    text = page(run, lowered)
    replace(path, lambda file: file.write(text.encode()))
    return path
