"""`spacelang check`: is the text right?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spacelang.cli.terminal import fail
from spacelang.cli.texts import checked, open_text
from spacelang.diagnostics import errors


def check(
    files: Annotated[list[Path], typer.Argument(help="Files to check; - for standard input.", metavar="FILE…")],
) -> None:
    """Say all that is wrong with .space files."""
    broken = 0
    for path in files:
        source = open_text(path)
        result = checked(source)
        count = len(errors(result.diagnostics))
        broken += count > 0
        warnings = len(result.diagnostics) - count
        also = f", {warnings} warning{'s' if warnings > 1 else ''}" if warnings else ""
        if not count:
            print(f"{source.name}: ok{also}")
    if broken:
        which = "it" if len(files) == 1 else f"{broken} of {len(files)} files"
        fail(f"{which} {'has' if broken == 1 else 'have'} errors")
