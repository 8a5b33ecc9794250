"""Totals of a space that take too many values to be looked at."""

from __future__ import annotations


class TooMany(Exception):
    """Totals that take too many values to be looked at."""
