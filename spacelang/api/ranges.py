"""Numbers that a call is given, in the ranges that they have."""

from __future__ import annotations

from operator import index

from spacelang.api.error import NotAnOption

STEPS = (1, 10**9)  # updates of a training
MICRO = (1, 10**6)  # images at a time
WORKERS = (0, 1024)  # processes that read images


def whole(asked: str, given: int | None, least: int, most: int | None = None) -> None:
    """Refuse what is no whole number in a range, ends included. asked: the keyword that it was given by. given:
    None where it was not. Raises `NotAnOption`."""
    if given is None:
        return
    try:
        inside = not isinstance(given, bool) and least <= index(given) and (most is None or given <= most)
    except TypeError:
        inside = False
    if not inside:
        ends = f"from {least}" if most is None else f"from {least} to {most}"
        raise NotAnOption(asked, f"it is a whole number {ends}, and not {given!r}")


def between(asked: str, given: float | None, least: float, most: float) -> None:
    """Refuse what is no number in a range, as `whole` does."""
    if given is None:
        return
    if isinstance(given, bool) or not isinstance(given, int | float) or not least <= given <= most:
        raise NotAnOption(asked, f"it is a number from {least:g} to {most:g}, and not {given!r}")
