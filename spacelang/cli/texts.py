"""Spaces from files, with their diagnostics printed."""

from __future__ import annotations

import sys
from pathlib import Path

from spacelang import resources
from spacelang.check import Checked, compile_text
from spacelang.cli.terminal import fail
from spacelang.diagnostics import errors, nearest
from spacelang.project import loader
from spacelang.render import render
from spacelang.source import Source, read
from spacelang.space import Space


def open_text(path: Path) -> Source:
    """The text of a file, or of standard input for `-`; a shipped space is found by its path in the project
    wherever one stands."""
    if str(path) == "-":
        return Source("<stdin>", sys.stdin.read())
    shipped = resources.folder("spaces") / path.name
    if not path.exists() and path.parent in (Path("spaces"), Path()) and shipped.is_file():
        path = shipped
    try:
        return read(path)
    except FileNotFoundError:
        fail(f"there is no file {path}", _other(path))
    except IsADirectoryError:
        fail(f"{path} is a folder", "name a .space file")
    except UnicodeDecodeError as error:
        fail(f"{path} is not UTF-8 text (byte {error.start})", "save it as UTF-8")


def _other(path: Path) -> str:
    folder = path.parent if path.parent.is_dir() else resources.folder("spaces")
    names = sorted(p.name for p in folder.glob("*.space"))
    near = nearest(path.name, names)
    if near:
        return f"did you mean {folder / near}?"
    return f"the spaces in {folder}: {', '.join(names)}" if names else "name a .space file"


def checked(source: Source) -> Checked:
    """The space of a text; what was found is printed to standard error."""
    result = compile_text(source, loader(source.name))
    if result.diagnostics:
        print(render(source, result.diagnostics, sys.stderr.isatty()), file=sys.stderr)
    return result


def compiled(source: Source) -> Space:
    """The space of a text, or exit code 1 after its errors are printed."""
    result = checked(source)
    if result.space is None:
        count = len(errors(result.diagnostics))
        fail(f"{source.name} has {count} error{'s' if count > 1 else ''}")
    return result.space
