"""Where the command line prints: rich on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, NoReturn, TextIO

from spacelang.api.error import NotABound, NotAnOption
from spacelang.cli.grid import WIDEST, TextGrid, plain
from spacelang_runtime.failure import Failure

if TYPE_CHECKING:
    from rich.console import Console


class Page:
    """Standard output. Not a terminal: no colour, and lines are not folded to a width that nobody has."""

    def print(self, what: object = "", *, markup: bool = True, soft_wrap: bool | None = None) -> None:
        """Print a text, in which `[bold]…[/]` is bold where there is a terminal, a grid, or what rich can print."""
        if not sys.stdout.isatty() and "FORCE_COLOR" not in os.environ:  # rich takes long to import
            lines = what.lines() if isinstance(what, TextGrid) else _unmarked(what, markup)
            if lines is not None:
                sys.stdout.write("".join(f"{line}\n" for line in lines))
                return
        _rich().print(what, markup=markup, soft_wrap=soft_wrap)


def coloured(stream: TextIO) -> bool:
    """Whether colours are wanted there: on a terminal that knows them, unless NO_COLOR says otherwise
    (https://no-color.org)."""
    return able(stream) and not os.environ.get("NO_COLOR")


def able(stream: TextIO) -> bool:
    """Whether a stream is a terminal that can do more than print lines."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def console() -> Page:
    """Where commands print what was asked for."""
    return Page()


def _unmarked(what: object, markup: bool) -> list[str] | None:
    """A text without marks; None for what only rich can print."""
    if not isinstance(what, str):
        return None
    text = what.replace("[bold]", "").replace("[/]", "") if markup else what
    return [text] if plain(text) else None


@cache
def _rich() -> Console:
    from rich.console import Console

    return Console(
        highlight=False, soft_wrap=not sys.stdout.isatty(), width=None if sys.stdout.isatty() else WIDEST
    )


def grid(heading: list[str], body: list[list[str]]) -> TextGrid:
    """Rows of text under a heading, in columns."""
    return TextGrid(tuple(heading), tuple(map(tuple, body)))


def grid_of_figures(figures: Mapping[str, float | None]) -> None:
    """Print shares by name, in columns; a dash for what there is nothing to measure on."""
    rows = [[name, "–" if value is None else f"{value:.2%}"] for name, value in figures.items()]
    console().print(grid(["on the test images", ""], rows))


def say(line: str) -> None:
    """A line about what is going on, on standard error: output stays what was asked for."""
    print(line, file=sys.stderr, flush=True)


def say_once(line: str) -> None:
    """A line that all processes under torchrun would say alike: the leading one says it."""
    if os.environ.get("RANK", "0") == "0":
        say(line)


def fail(message: str, remedy: str = "", code: int = 1) -> NoReturn:
    """The last word of a command that cannot do what it was asked, with its exit code. What a command refuses by
    itself, all processes under torchrun refuse alike: the first of each host says it."""
    if os.environ.get("LOCAL_RANK", "0") == "0":
        last_words(message, remedy)
    raise SystemExit(code)


@contextmanager
def refused() -> Iterator[None]:
    """Inside, what the front door refuses is the last word of the command; but a bound that bounds nothing, and
    what an option does not take, are matters of its words."""
    try:
        yield
    except (NotABound, NotAnOption):
        raise
    except Failure as failure:
        fail(failure.message, failure.remedy)


def last_words(message: str, remedy: str = "") -> None:
    """Say on standard error what went wrong, and what helps."""
    head = "\x1b[1;31merror\x1b[0m" if coloured(sys.stderr) else "error"
    print(f"{head}: {message}", file=sys.stderr)
    if remedy:
        print(f"  help: {remedy}", file=sys.stderr)
