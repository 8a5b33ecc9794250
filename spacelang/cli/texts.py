"""Spaces from files, with their diagnostics printed."""

from __future__ import annotations

import sys
from pathlib import Path

from spacelang import resources
from spacelang.check import Checked, compile_text
from spacelang.cli.terminal import fail
from spacelang.diagnostics import errors, listed, nearest
from spacelang.project import loader
from spacelang.render import render
from spacelang.source import NotAText, Source, read, take
from spacelang.space import Space

_SHIPPED = Path("spaces")  # as they are called wherever one stands


def open_text(path: Path) -> Source:
    """The text of a file, or of standard input for `-`; a shipped space is found by its path in the project
    wherever one stands."""
    shipped = resources.folder("spaces") / path.name
    if not path.exists() and path.parent in (_SHIPPED, Path()) and shipped.is_file():
        path = shipped
    return own_text(path)


def own_text(path: Path) -> Source:
    """The text of a file of the user, line ends and all, or of standard input for `-`."""
    try:
        source = take(sys.stdin.buffer, "<stdin>") if str(path) == "-" else read(path)
        if source.text.startswith("{"):
            fail(f"{source.name} is JSON, not the text of a space", "name the .space file that it was made from")
        return source
    except FileNotFoundError:
        near = meant(str(path))
        fail(f"there is no file {path}", f"did you mean {listed(near)}?" if near else _there(path))
    except IsADirectoryError:
        fail(f"{path} is a folder", _inside(path))
    except NotAText as reason:
        fail(f"{path} {reason}", "name a .space file, saved as UTF-8")
    except ValueError:  # a null character
        fail(f"{str(path)!r} is no name of a file", "name a .space file")


def meant(word: str) -> list[str]:
    """The spaces that were probably meant by a word that names no file, beside that place and among the shipped."""
    path = Path(word)
    found = []
    for folder, real in ((path.parent, path.parent), (_SHIPPED, resources.folder("spaces"))):
        names = {file.stem: file.name for file in sorted(real.glob("*.space"))} if real.is_dir() else {}
        stem = nearest(path.stem, names) or nearest(path.name, names)
        if stem is not None:
            found.append(str(folder / names[stem]))
        if stem == path.stem:
            break
    return [name for name in dict.fromkeys(found) if name != word]


def _there(path: Path) -> str:
    if not path.parent.is_dir():
        return f"there is no folder {path.parent} either"
    if names := _spaces(path.parent):
        return f"name one that is there, such as {listed(names[:3])}"
    shipped = ", ".join(sorted(p.stem for p in resources.folder("spaces").glob("*.space")))
    return f"write one: spacelang new; or take one of spaces/: {shipped}"


def _inside(folder: Path) -> str:
    names = _spaces(folder)
    return f"name a file in it, such as {listed(names[:3])}" if names else "name a .space file"


def _spaces(folder: Path) -> list[str]:
    return sorted(str(found) for found in folder.glob("*.space"))


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
