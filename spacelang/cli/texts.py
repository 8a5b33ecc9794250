"""Spaces from files, with their diagnostics printed."""

from __future__ import annotations

import sys
from pathlib import Path

from spacelang.api import load, text
from spacelang.api.error import SpaceError
from spacelang.api.space import Space
from spacelang.cli.terminal import coloured, fail, refused
from spacelang.diagnostics import Diagnostic
from spacelang.source import NotAText, Source, take
from spacelang.space import Space as Checked


def open_text(path: Path) -> Source:
    """The text of a file, or of standard input for `-`; a shipped space is found by its path in the project
    wherever one stands."""
    with refused():
        return _piped() if str(path) == "-" else text.open_text(path)


def own_text(path: Path) -> Source:
    """The text of a file of the user, line ends and all, or of standard input for `-`."""
    with refused():
        return _piped() if str(path) == "-" else text.own_text(path)


def _piped() -> Source:
    try:
        return text.no_json(take(sys.stdin.buffer, "<stdin>"))
    except NotAText as reason:
        fail(f"- {reason}", "name a .space file, saved as UTF-8")


def told(source: Source) -> Space | SpaceError:
    """The space of a text, or what keeps it from being one; what was found is printed to standard error."""
    try:
        made = load.made(source)
    except SpaceError as wrong:
        _print(source, wrong.diagnostics)
        return wrong
    _print(source, made.diagnostics)
    return made


def loaded(path: Path) -> Space:
    """The space of a file, or exit code 1 after its errors are printed."""
    return _made(told(open_text(path)))


def compiled(source: Source) -> Checked:
    """The space of a text, or exit code 1 after its errors are printed."""
    return _made(told(source)).checked


def _made(found: Space | SpaceError) -> Space:
    if isinstance(found, SpaceError):
        fail(found.message)
    return found


def _print(source: Source, diagnostics: tuple[Diagnostic, ...]) -> None:
    if diagnostics:
        from spacelang.render import render

        print(render(source, diagnostics, coloured(sys.stderr)), file=sys.stderr)
