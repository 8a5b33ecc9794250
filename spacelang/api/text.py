"""The text of a space: a file of the user's, or one of the shipped spaces."""

from __future__ import annotations

from pathlib import Path

from spacelang import resources
from spacelang.diagnostics import listed, nearest
from spacelang.source import NotAText, Source, read
from spacelang_runtime.failure import Failure

_SHIPPED = Path("spaces")  # as they are called wherever one stands


def open_text(path: Path) -> Source:
    """The text of a file; a shipped space is found by its path in the project wherever one stands.

    Raises `Failure` where there is no such file, or where it holds no text.
    """
    shipped = resources.folder("spaces") / path.name
    if not path.exists() and path.parent in (_SHIPPED, Path()) and shipped.is_file():
        path = shipped
    return own_text(path)


def own_text(path: Path) -> Source:
    """The text of a file of the user, line ends and all. Raises `Failure` as `open_text` does."""
    try:
        return no_json(read(path))
    except FileNotFoundError:
        near = meant(str(path))
        raise Failure(
            f"there is no file {path}", f"did you mean {listed(near)}?" if near else _there(path)
        ) from None
    except IsADirectoryError:
        raise Failure(f"{path} is a folder", _inside(path)) from None
    except NotAText as reason:
        raise Failure(f"{path} {reason}", "name a .space file, saved as UTF-8") from None
    except ValueError:  # a null character
        raise Failure(f"{str(path)!r} is no name of a file", "name a .space file") from None


def no_json(source: Source) -> Source:
    """The text itself, which is not the JSON that a space was written as. Raises `Failure`."""
    if source.text.startswith("{"):
        raise Failure(
            f"{source.name} is JSON, not the text of a space", "name the .space file that it was made from"
        )
    return source


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
