"""How many networks cost how much: the histogram of a measure as bars in the terminal."""

from __future__ import annotations

from spacelang.amount import spaced
from spacelang.api.histogram import Histogram
from spacelang.api.measures import LABELS
from spacelang.chart import heights
from spacelang.cli.shares import share
from spacelang.cli.terminal import console

_LONGEST = 40
_PARTS = " ▏▎▍▌▋▊▉"


def show(histogram: Histogram) -> None:
    """Print a bar for each bin, from its least value, with its exact number of networks."""
    measure, measures, bins = histogram.measure, histogram.measured, histogram.bins
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
