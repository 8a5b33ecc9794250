"""What a score is, and which of two is better."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import Literal, SupportsFloat, get_args

from spacelang.api.error import NotAnOption

Direction = Literal["maximize", "minimize"]
DIRECTIONS: tuple[Direction, ...] = get_args(Direction)
Score = SupportsFloat | Iterable[SupportsFloat]  # one number, or one for each goal
GoalValues = tuple[float, ...]
Point = tuple[float, ...]  # of which less is better in each entry


def directions(given: Direction | Sequence[Direction]) -> tuple[Direction, ...]:
    """The direction of each goal; a single word is that of all, however many a score turns out to have.

    Raises `NotAnOption` for a word that is none.
    """
    words = tuple(given) if isinstance(given, list | tuple) else (given,)
    for word in words or (given,):
        if word not in DIRECTIONS:
            raise NotAnOption("direction", f"{word!r} is no direction: 'maximize' or 'minimize', one for each goal")
    return words


def values(score: Score | None) -> GoalValues | None:
    """A score as numbers, one for each goal; None where there is none: it failed, or it is no finite number.

    Raises TypeError for what is no score.
    """
    if score is None:
        return None
    try:
        numbers = tuple(map(float, _each(score)))
    except (TypeError, ValueError):
        raise TypeError(f"{score!r} is no score: a number, or a tuple of them, or None where it failed") from None
    except OverflowError:
        raise TypeError("a score is a number that a float holds") from None
    if not numbers:
        raise TypeError("a score has at least one number")
    return numbers if all(map(isfinite, numbers)) else None


def _each(score: Score) -> Iterable[SupportsFloat]:
    """The numbers of a score. An array of them is several, though Python would make a number of it; a text, or what
    has names for its parts, is none. Raises TypeError."""
    if isinstance(score, str | bytes | Mapping):
        raise TypeError
    try:
        return list(score)  # type: ignore[arg-type]  # a number goes through nothing
    except TypeError:
        return [score]  # type: ignore[list-item]


def point(numbers: GoalValues, given: tuple[Direction, ...]) -> Point:
    """A score as numbers of which less is better."""
    each = given * len(numbers) if len(given) == 1 else given
    return tuple(-value if way == "maximize" else value for value, way in zip(numbers, each, strict=True))
