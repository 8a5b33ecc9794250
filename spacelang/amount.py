"""Amounts as people write them: `4.5G`, `28M`, `4G..4.5G`, `10m`."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from math import log10
from typing import Any

from spacelang.expression import Number, decimal, exact

_COUNT = re.compile(r"(\d{1,20}(?:\.\d{1,12})?)([KMGT]?)")
_POWERS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_ENDS = re.compile(r"(\d[\d.]*[KMGT]?)\s*[-–,:]\s*(\d[\d.]*[KMGT]?)")
_TIME = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)(s|m|h)")
_SHARE = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*(%?)")
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_QUANTITY = re.compile(r"(\d{1,20}(?:\.\d{1,12})?)\s*(\D*)")
_MOST = 10**4000  # the least count that is not written to its last digit
UNITS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9}  # of time, in nanoseconds


class NotAnAmount(ValueError):
    """A text that should be an amount and is not; the message says what is expected."""


def count(text: str) -> Fraction:
    """`4.5G` as a number, exact."""
    match = _COUNT.fullmatch(text.strip())
    if match:
        return Fraction(match.group(1)) * _POWERS[match.group(2)]
    hint = f"; suffixes are capital letters: {text.upper()}" if _COUNT.fullmatch(text.strip().upper()) else ""
    raise NotAnAmount(f"{text!r} is not an amount such as 4.5G, 28M or 650000{hint}")


def quantity(text: str, unit: str) -> Fraction:
    """`5ms` or `2500us` in a unit; a number without a unit is in that one already, and may end in `K M G T`."""
    match = _QUANTITY.fullmatch(text.strip())
    if match:
        value, own = Fraction(match.group(1)), match.group(2)
        if own == unit or own in _POWERS:
            return value * _POWERS.get(own, 1)
        if own in UNITS and unit in UNITS:
            return value * UNITS[own] / UNITS[unit]
    raise NotAnAmount(f"{text!r} is not an amount such as 2.5{unit}")


def window(text: str, amount: Callable[[str], Fraction] = count) -> tuple[Fraction | None, Fraction | None]:
    """`4.5G` (at most), `4G..4.5G`, `4G..` (at least) or `..4.5G` as the two ends of a bound, each an `amount`."""
    if ".." not in text:
        if two := _ENDS.fullmatch(text.strip()):
            raise NotAnAmount(f"{text!r} is not a bound: write {two.group(1)}..{two.group(2)}")
        return None, _whole(text, amount)
    low, _, high = (part.strip() for part in text.partition(".."))
    suffix = high.lstrip("0123456789.")
    if amount is count and suffix and low.isdigit() and 0 < int(low) < 1000 and 10**5 * int(low) <= count(high):
        raise NotAnAmount(f"{text!r} begins at {low}: write {low}{suffix}..{high}, or ..{high}")
    ends = (amount(low) if low else None, amount(high) if high else None)
    if ends == (None, None):
        raise NotAnAmount("a bound has at least one end, such as 4G..4.5G")
    if ends[0] is not None and ends[1] is not None and ends[0] > ends[1]:
        raise NotAnAmount(f"{text!r} runs backwards: write {_forwards(low, high, amount)}")
    return (_whole(low, amount) if low else None, _whole(high, amount) if high else None)


def _whole(text: str, amount: Callable[[str], Fraction]) -> Fraction:
    """An end of a bound. A count of no whole number lacks its suffix."""
    value = amount(text)
    if amount is count and value.denominator > 1:
        raise NotAnAmount(f"{text!r} is no whole number: write {text}M or {text}G")
    return value


def _forwards(low: str, high: str, amount: Callable[[str], Fraction]) -> str:
    """What is meant by ends that run backwards: `4G..4.5` lacks a suffix; else they are the wrong way round. (In
    `4ms..3` the 3 has the unit of the table, and lacks nothing.)"""
    suffix = low.lstrip("0123456789.")
    if suffix in _POWERS and high[-1].isdigit():
        high += suffix
    return "..".join(sorted((low, high), key=amount))


def share(text: str) -> Fraction:
    """`5%` or `0.05` as a share of a whole, above 0 and at most 1, exact."""
    match = _SHARE.fullmatch(text.strip())
    if not match or not (value := Fraction(match.group(1)) / (100 if match.group(2) else 1)):
        raise NotAnAmount(f"{text!r} is not a share such as 5%")
    if value > 1:
        meant = "" if match.group(2) else f"; {text.strip()} of a hundred is {text.strip()}%"
        raise NotAnAmount(f"{text!r} is more than the whole: a share is at most 100%{meant}")
    return value


def percent(value: Fraction) -> str:
    """A share in percent: `5 %`."""
    return f"{decimal(exact(100 * value))} %"


def seconds(text: str) -> float:
    """`90s`, `10m` or `1.5h` in seconds. A number without a unit is refused: nobody can tell which was meant."""
    match = _TIME.fullmatch(text.strip())
    if not match or not float(match.group(1)):
        number = text.strip()
        without = re.fullmatch(r"[\d.]+", number) and _TIME.fullmatch(f"{number}s") and float(number)
        meant = f": {number}s is in seconds, {number}m in minutes" if without else ""
        raise NotAnAmount(f"{text!r} is not a time such as 90s, 10m or 1.5h{meant}")
    return float(Fraction(match.group(1)) * _SECONDS[match.group(2)])


def short(value: Number) -> str:
    """A count to three digits: 4623332352 is `4.62G`. Below a thousand to the last one."""
    for suffix in ("T", "G", "M", "K"):
        power = _POWERS[suffix]
        if value >= power:
            shown = float(value / power)
            digits = 2 if shown < 9.995 else 1 if shown < 99.95 else 0
            return f"{shown:.{digits}f}{suffix}"
    return decimal(value)


def counted(count: float, thing: str, shown: Callable[[Any], str] = str) -> str:
    """A count of things in words: `1 network`, `300 networks`, `2 searches`. shown: the count as text."""
    text = shown(count)
    ending = "" if text == "1" else "es" if thing.endswith(("s", "x", "rch", "tch")) else "s"  # but: epochs
    return f"{text} {thing}{ending}"


def unit_of(value: Number) -> tuple[str, int]:
    """The suffix by which a count is written, and how many of one its unit is: of 4.5G, `G` and 1 000 000 000."""
    return next(((name, power) for name, power in reversed(_POWERS.items()) if value >= power), ("", 1))


def spaced(value: Number) -> str:
    """A count to the last digit, in groups of three; one of more digits than anybody reads as `2.87 × 10^4512`."""
    if not isinstance(value, int):
        return decimal(value)
    return f"{value:,}".replace(",", " ") if value < _MOST else _power(value)


def plain(value: int) -> int | str:
    """A count for JSON: the number, or a text such as `2.87e4512` where readers of JSON refuse so many digits."""
    return value if value < _MOST else _power(value).replace(" × 10^", "e")


def rough(value: int) -> str:
    """A count to three digits, however many it has: `4.62e+09`."""
    return f"{value:.2e}" if value < 10**300 else _power(value)


def _power(value: int) -> str:
    """A large count to three digits; Python turns none of that size into text or a float by itself."""
    digits = int(value.bit_length() * log10(2)) - 1
    while value >= 10 ** (digits + 1):
        digits += 1
    hundredths = value // 10 ** (digits - 2)
    return f"{hundredths / 100:.2f} × 10^{digits}"


def duration(nanoseconds: Number) -> str:
    """A time to the last digit, in the largest unit that leaves a whole part: 5000000 is `5ms`."""
    unit = next((unit for unit in ("s", "ms") if nanoseconds >= UNITS[unit]), "us")
    return f"{decimal(Fraction(nanoseconds) / UNITS[unit])}{unit}"


def clock(seconds: float) -> str:
    """A length of time: `42 s`, `3 min 05 s`, `1 h 20 min`, `12 days`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole >= 100 * 3600:
        return f"{spaced(round(whole / 86400))} days"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def short_clock(seconds: float) -> str:
    """A length of time that may be far below a second: `0.034 s`, `2.5 s`, `42 s`, `3 min 05 s`."""
    return f"{seconds:.2g} s" if seconds < 10 else clock(seconds)
