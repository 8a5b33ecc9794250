"""What long work shows while it goes on: one live line on a terminal, plain lines now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from spacelang.cli.terminal import able, say

Show = Callable[[float, str], None]
_EVERY = 10.0  # seconds between plain lines


@contextmanager
def progress(title: str) -> Iterator[Show]:
    """A place to show how far work has come: the share that is done, from 0 to 1, and what to say of it."""
    if able(sys.stderr):
        with _live(title) as show:
            yield show
    else:
        yield _plain(title)


@contextmanager
def _live(title: str) -> Iterator[Show]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    columns = (TextColumn(title), BarColumn(bar_width=24), TaskProgressColumn(), TextColumn("{task.fields[said]}"))
    with Progress(*columns, console=Console(stderr=True), refresh_per_second=4) as bar:
        task = bar.add_task(title, total=1.0, said="")
        yield lambda share, said: bar.update(task, completed=share, said=said)


def _plain(title: str) -> Show:
    said_at = 0.0

    def show(share: float, said: str) -> None:
        nonlocal said_at
        now = time.monotonic()
        if now - said_at >= _EVERY or share >= 1.0:
            said_at = now
            say(f"{title} {share:4.0%}  {said}")

    return show
