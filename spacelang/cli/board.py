"""A search while it goes on: on a terminal a live table of the best networks, elsewhere plain lines."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from attrs import define

from spacelang.amount import clock, counted, short
from spacelang.cli.terminal import able, grid
from spacelang.cli.watch import Show, progress

if TYPE_CHECKING:
    from rich.console import RenderableType

    from spacelang_runtime.search.outcome import Ended, ScoredCandidate

Watch = Callable[["ScoredCandidate | Ended"], None]


@contextmanager
def board(title: str) -> Iterator[Watch]:
    """An observer of a search that shows it."""
    if able(sys.stderr):
        with _live(title) as watch:
            yield watch
    else:
        with progress(title) as show:
            yield lambda seen: _plain(seen, show)


def line(seen: ScoredCandidate) -> str:
    """How far a search is, in one line."""
    parts = [f"generation {seen.generation}", f"best {seen.best:.2%}"]
    if seen.fresh and seen.seconds > 1:
        parts.append(f"{counted(round(60 * seen.fresh / seen.seconds), 'network')} a minute")
    left = seen.seconds / seen.done * (seen.asked - seen.done)
    return "  ".join([*parts, f"{clock(left)} left"])


def _plain(seen: ScoredCandidate | Ended, show: Show) -> None:
    from spacelang_runtime.search.outcome import ScoredCandidate

    if isinstance(seen, ScoredCandidate):
        show(seen.done / seen.asked, line(seen))


@define
class _Board:
    """What the live view shows: the last candidate and the last generation that were judged."""

    title: str
    scored: ScoredCandidate | None = None
    ended: Ended | None = None

    def __rich__(self) -> RenderableType:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.text import Text

        parts: list[RenderableType] = []
        if self.ended is not None:
            generation = self.ended.generation
            rows = [
                [c.architecture.name, f"{accuracy:.2%}", short(c.flops), short(c.params), c.operator]
                for c, accuracy in self.ended.leaders
            ]
            parts.append(grid([f"after {generation.number}", "held out", "MACs", "params", "made by"], rows))
            told = [f"sd {generation.spread:.2%}"]
            if generation.loss is not None:
                told.append(f"loss of the best {generation.loss:.4f}")
            if generation.saved:
                share = generation.saved / (generation.saved + generation.spent)
                told.append(f"{share:.0%} of the images saved")
            if self.ended.doubt is not None:
                told.append("the predictor is not believed")
            if generation.volume is not None:
                told.append(f"hypervolume {generation.volume:.4f}")
            parts.append(Text("  ".join(told), style="dim"))
        if self.scored is not None:
            parts.append(ProgressBar(total=self.scored.asked, completed=self.scored.done, width=40))
            parts.append(Text(f"{self.title}  {line(self.scored)}"))
        return Group(*parts)


@contextmanager
def _live(title: str) -> Iterator[Watch]:
    from rich.console import Console
    from rich.live import Live

    from spacelang_runtime.search.outcome import ScoredCandidate

    shown = _Board(title)

    def watch(seen: ScoredCandidate | Ended) -> None:
        if isinstance(seen, ScoredCandidate):
            shown.scored = seen
        else:
            shown.ended = seen

    with Live(shown, console=Console(stderr=True), refresh_per_second=4):
        yield watch
