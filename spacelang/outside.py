"""What comes from outside as JSON: one guard at every door that reads it.

A text may be damaged, or made to do harm: nested without end, with numbers of thousands of digits. What passes is
a value of a size that one can work with; what its parts mean, and which range they have, says whoever asked.
"""

from __future__ import annotations

import json
import math
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

MOST_BYTES = 256 << 20  # of a file of JSON: annotations of large data sets come near it
MOST_DIGITS = 100  # of a number


class NotJson(ValueError):
    """What is wrong with a text or a file that should be JSON, in one line."""


def parse(text: str | bytes, decimals: bool = False) -> Any:
    """The value of a JSON text. decimals: whether fractions stay exact, as `Decimal`, with what is no number as a
    text; else `NaN` and `Infinity` are floats, as Python writes them. Raises `NotJson`."""
    try:
        return json.loads(
            text,
            parse_int=_whole,
            parse_float=_decimal if decimals else float,
            parse_constant=str if decimals else float,
        )
    except json.JSONDecodeError as error:
        raise NotJson(f"line {error.lineno}: not JSON: {error.msg}") from None
    except RecursionError:
        raise NotJson("not JSON: it is nested without end") from None
    except UnicodeDecodeError as error:
        raise NotJson(f"not JSON: byte {error.start} is no text") from None


def read(path: Path) -> str:
    """The text of a file. Raises OSError, and `NotJson` where it is none, or too large for one."""
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise NotJson(f"not JSON: it is larger than {MOST_BYTES >> 20} MiB")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotJson(f"not UTF-8 ({error.reason} at byte {error.start})") from None


def within(value: Any, low: float, high: float, what: str) -> float:
    """A number in a range, ends included. Raises `NotJson` that names it."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise NotJson(f"{what} is {shown(value)}, and must be a number from {low:g} to {high:g}")
    return value


def shown(value: Any) -> str:
    """A value as a message shows it, however long it is."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = repr(type(value).__name__)
    return text if len(text) <= 60 else f"{text[:57]}…"


def finite(value: object) -> bool:
    """Whether a value is a number, and no infinite one."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _whole(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise NotJson(f"a number of {len(text)} digits: {text[:12]}…")
    return int(text)


def _decimal(text: str) -> Decimal:
    if len(text) > MOST_DIGITS:
        raise NotJson(f"a number of {len(text)} digits: {text[:12]}…")
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent beyond all
        raise NotJson(f"{text} is no number that can be worked with") from None
