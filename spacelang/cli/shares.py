"""Shares as a person reads them."""

from __future__ import annotations


def share(part: int, whole: int) -> str:
    """A share to two digits, none rounded to nothing or to all: `0.3 %`, `1.2e-09 %`, `98 %`."""
    if part in (0, whole):
        return "0 %" if part == 0 else "100 %"
    value = 100 * part / whole
    if value >= 99.5:
        return "> 99 %"
    return f"{value:.0f} %" if value >= 9.95 else f"{value:.1f} %" if value >= 0.1 else f"{value:.1e} %"
