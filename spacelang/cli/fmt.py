"""`spacelang fmt`: bring texts into the canonical layout."""

from __future__ import annotations

import sys
from difflib import unified_diff
from pathlib import Path
from typing import Annotated

import typer

from spacelang.cli.disk import write
from spacelang.cli.terminal import coloured, fail, say
from spacelang.cli.texts import own_text
from spacelang.render import render
from spacelang.source import Source


def fmt(
    files: Annotated[list[Path], typer.Argument(help="Files to format; - for standard input.", metavar="FILE…")],
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit code 1 if a file would change.")
    ] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Write nothing; print what would change.")] = False,
) -> None:
    """Bring .space files into the canonical layout, in place; standard input goes to standard output.

    Comments stay where they belong and the meaning stays as it is. A file with syntax errors is left alone.
    """
    from spacelang.syntax.format import formatted

    changed = refused = 0
    for path in files:
        source = own_text(path)
        result = formatted(source)
        if result.text is None:
            print(render(source, result.diagnostics, coloured(sys.stderr)), file=sys.stderr)
            refused += 1
            continue
        differs = result.text != source.text
        changed += differs
        if diff:
            sys.stdout.write(_difference(source, result.text))
        elif check:
            if differs:
                say(f"{source.name}: not in the canonical layout")
        elif source.name == "<stdin>":
            sys.stdout.write(result.text)
        elif differs:
            write(path, result.text)
            say(f"{source.name}: formatted")
    if refused:
        fail(f"{refused} file{'s were' if refused > 1 else ' was'} left alone for syntax errors")
    if check and changed:
        fail(f"{changed} file{'s' if changed > 1 else ''} would change", "run spacelang fmt without --check")


def _difference(source: Source, text: str) -> str:
    lines = unified_diff(source.text.split("\n"), text.split("\n"), source.name, source.name, lineterm="")
    return "".join(f"{line}\n" for line in lines)
