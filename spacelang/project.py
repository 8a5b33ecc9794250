"""The files of a project: what a space may be made from lies in the same project as the space itself."""

from __future__ import annotations

from pathlib import Path

from spacelang.check.lineage import Loader, UnreadableFile
from spacelang.diagnostics import nearest
from spacelang.source import NotAText, Source, read

_MARKS = (".git", "pyproject.toml")


def folder_of(path: Path) -> Path:
    """The project's folder of a file: the nearest around it that holds `.git` or `pyproject.toml`, else its own."""
    own = path.absolute().parent.resolve()
    return next((f for f in (own, *own.parents) if any((f / mark).exists() for mark in _MARKS)), own)


def loader(name: str) -> Loader:
    """Reads the files that the text called `name` is made from, inside its project's folder alone."""
    project = folder_of(Path(name))

    def load(other: str) -> Source | UnreadableFile:
        path = Path(other)
        try:
            real = path.resolve()
            if not real.is_relative_to(project):
                leads = f"{other} leads to {real}" if path.absolute() != real else f"{other} lies elsewhere"
                message = f"{leads}, outside the project's folder {project}"
                return UnreadableFile("E0604", message, "copy that file into the project")
            if real.is_dir():
                return UnreadableFile("E0603", f"{other} is a folder", "name a .space file")
            if not real.is_file():
                return UnreadableFile("E0603", f"there is no file {other}", _near(path))
            return Source(other, read(real).text)
        except NotAText as reason:
            return UnreadableFile("E0603", f"{other} {reason}", "name a .space file, saved as UTF-8")
        except (OSError, RuntimeError, ValueError) as error:  # unreadable; a circle of links; a name no file has
            return UnreadableFile("E0603", f"{other} cannot be read: {error}")

    return load


def _near(path: Path) -> str | None:
    if not path.parent.is_dir():
        return f"there is no folder {path.parent}"
    near = nearest(path.name, sorted(p.name for p in path.parent.glob("*.space")))
    return f"did you mean {near}?" if near else None
