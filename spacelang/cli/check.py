"""`spacelang check`: is the text right?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spacelang.api.error import SpaceError
from spacelang.cli.terminal import fail
from spacelang.cli.texts import open_text, told
from spacelang.diagnostics import Diagnostic, errors


def check(
    files: Annotated[list[Path], typer.Argument(help="Files to check; - for standard input.", metavar="FILE…")],
    format: Annotated[
        str, typer.Option(help="human; or for programs, on standard output: short, json, github, sarif.")
    ] = "human",
) -> None:
    """Say all that is wrong with .space files."""
    if format != "human":
        raise SystemExit(_written(files, format) > 0)
    broken = sum(not _said(path) for path in files)
    if broken:
        which = "it" if len(files) == 1 else f"{broken} of {len(files)} files"
        fail(f"{which} {'has' if broken == 1 else 'have'} errors")


def _said(path: Path) -> bool:
    """Print what is wrong with one file; whether it describes a space."""
    source = open_text(path)
    found = told(source)
    if isinstance(found, SpaceError):
        return False
    warnings = len(found.diagnostics)
    also = f", {warnings} warning{'s' if warnings > 1 else ''}" if warnings else ""
    print(f"{source.name}: ok{also}")
    return True


def _written(files: list[Path], format: str) -> int:
    """Print what is wrong with all files for a program to read; how many of them have errors."""
    from spacelang.check import compile_text
    from spacelang.formats import Report, written
    from spacelang.project import loader

    reports: list[Report] = []
    for path in files:
        source = open_text(path)
        found: tuple[Diagnostic, ...] = compile_text(source, loader(source.name)).diagnostics
        reports.append(Report(source, found))
    match format:
        case "short" | "json" | "github" | "sarif":
            text = written(reports, format)
        case _:
            raise typer.BadParameter("it is human, short, json, github or sarif", param_hint="--format")
    if text:
        print(text)
    return sum(bool(errors(report.diagnostics)) for report in reports)
