"""Where the command line prints: rich on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


@cache
def console() -> Console:
    """Standard output. Not a terminal: no colour, and lines are not folded to a width that nobody has."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=not sys.stdout.isatty(), width=None if sys.stdout.isatty() else 160)


def grid(heading: list[str], body: list[list[str]]) -> Table:
    """Rows of text under a heading, in columns."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in heading:
        table.add_column(name)
    for row in body:
        table.add_row(*row)
    return table


def grid_of_figures(figures: Mapping[str, float]) -> None:
    """Print shares by name, in columns."""
    console().print(grid(["on the test images", ""], [[name, f"{value:.2%}"] for name, value in figures.items()]))


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


def last_words(message: str, remedy: str = "") -> None:
    """Say on standard error what went wrong, and what helps."""
    colour = sys.stderr.isatty()
    head = "\x1b[1;31merror\x1b[0m" if colour else "error"
    print(f"{head}: {message}", file=sys.stderr)
    if remedy:
        print(f"  help: {remedy}", file=sys.stderr)
