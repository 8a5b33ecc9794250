"""How many networks cost how much: the histogram of a measure as bars in the terminal, as a picture, as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spacelang.amount import plain, spaced
from spacelang.chart import Bars, drawn, heights
from spacelang.cli.measures import LABELS, Measures
from spacelang.cli.shares import share
from spacelang.cli.terminal import console, fail, say
from spacelang.drawing import save
from spacelang.lower.chain import Window

Bins = tuple[tuple[Window, int], ...]
_LONGEST = 40
_PARTS = " ▏▎▍▌▋▊▉"


def show(bins: Bins, measure: str, measures: Measures) -> None:
    """Print a bar for each bin, from its least value, with its exact number of networks."""
    out = console()
    out.print()
    out.print(f"networks by {LABELS.get(measure, measure)}")
    whole = sum(count for _, count in bins)
    lows = [measures.short(measure, window.lo) for window, _ in bins]
    if len(set(lows)) < len(lows):
        lows = [measures.spaced(measure, window.lo) for window, _ in bins]
    wide = max(map(len, lows), default=0)
    for low, (_, count), height in zip(lows, bins, heights([count for _, count in bins]), strict=True):
        eighths = max(round(height * _LONGEST * 8), count > 0)
        bar = "█" * (eighths // 8) + _PARTS[eighths % 8].strip()
        words = f"{spaced(count)} ({share(count, whole)})" if count else "0"
        out.print(f"{low:>{wide}}.. {bar:<{_LONGEST}} {words}")


def plot(path: Path, name: str, bins: Bins, measure: str, measures: Measures) -> None:
    """Write the histogram as a picture."""
    label = LABELS.get(measure, measure)
    ends = (
        (measures.short(measure, bins[0][0].lo), f"{measures.short(measure, bins[-1][0].hi)} {label}")
        if bins
        else ("", "")
    )
    notes = tuple(
        f"{measures.spaced(measure, window.lo)} to {measures.spaced(measure, window.hi)}: {spaced(count)} networks"
        for window, count in bins
    )
    picture = Bars(f"{name}: networks by {label}", heights([count for _, count in bins]), notes, ends)
    try:
        save(drawn(picture), path)
    except ValueError as reason:
        fail(str(reason))
    say(f"written {path}")


def facts(bins: Bins, measure: str, measures: Measures) -> dict[str, Any]:
    """The histogram as JSON values."""
    return {
        "measure": measure,
        "bins": [
            {
                "low": measures.plain(measure, window.lo),
                "high": measures.plain(measure, window.hi),
                "count": plain(count),
            }
            for window, count in bins
        ],
    }
