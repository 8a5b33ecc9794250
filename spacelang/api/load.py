"""A text becomes a `Space`."""

from __future__ import annotations

import os
from pathlib import Path

from spacelang.api.error import SpaceError
from spacelang.api.space import Space
from spacelang.api.text import open_text
from spacelang.check import compile_text
from spacelang.project import loader
from spacelang.source import Source


def load(path: str | os.PathLike[str]) -> Space:
    """The space of a `.space` file. A shipped one is found by its path, `spaces/s3.space`, wherever one stands.

    Raises `SpaceError` where the text describes no space, and `Failure` where there is no such text.
    """
    return made(open_text(Path(path)))


def parse(text: str, name: str = "<text>") -> Space:
    """The space of a text. name: what messages call it; a text that `extends` another names files beside it.

    Raises `SpaceError`.
    """
    return made(Source(name, text))


def made(source: Source) -> Space:
    """The space of a text that has been read. Raises `SpaceError`."""
    result = compile_text(source, loader(source.name))
    if result.space is None:
        raise SpaceError(source, result.diagnostics)
    return Space(result.space, source, result.diagnostics, result.replaced)


def spaced(space: Space | str | os.PathLike[str]) -> Space:
    """A space, or that of its file. Raises `SpaceError`, and `Failure` where there is none."""
    return space if isinstance(space, Space) else load(space)
