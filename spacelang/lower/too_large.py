"""A question that the exact arithmetic does not answer: its tables would not fit."""

from __future__ import annotations


class TooLarge(Exception):
    """Says what has how many entries, and what to ask instead."""
