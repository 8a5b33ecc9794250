"""Lengths of time, as calls and options give them."""

from __future__ import annotations

from math import inf

from spacelang.amount import NotAnAmount, seconds
from spacelang.api.error import NotAnOption

Time = str | float  # `"90s"`, `"10m"`, `"1.5h"`, or seconds


def time_of(given: Time, asked: str) -> float:
    """A length of time in seconds. asked: the keyword that it was given by. Raises `NotAnOption`."""
    if isinstance(given, int | float) and 0 < given < inf:
        return float(given)
    try:
        return seconds(str(given))
    except NotAnAmount as reason:
        raise NotAnOption(asked, str(reason), "write it as 90s, 10m or 1.5h, or as a number of seconds") from None
