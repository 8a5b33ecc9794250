"""What a search was asked for, as its journal keeps it."""

from __future__ import annotations

from typing import Any

from spacelang.expression import Number
from spacelang.outside import shown
from spacelang.recipe import SCORES, Bound, from_record
from spacelang_runtime.search.journal_rows import NotAJournal, told


def account_of(text: str) -> dict[str, Any]:
    """The account of a search, in which goals, algorithm, score and bounds are sure to be. Raises `NotAJournal`."""
    account: dict[str, Any] = told(text, dict)
    goals = account.get("goals")
    sound = isinstance(goals, list) and all(isinstance(goal, str) for goal in goals)
    if not sound or not isinstance(account.get("algorithm"), str) or not isinstance(account.get("bounds"), list):
        raise NotAJournal(f"a row holds {shown(text)}, which no search was asked for")
    if account.setdefault("score", "accuracy") not in SCORES:  # searches from before had this one alone
        raise NotAJournal(f"{shown(account['score'])} is nothing that networks are ranked by")
    for bound in account["bounds"]:
        bound_of(bound)
    return account


def bound_of(value: Any) -> Bound:
    """A bound as searches keep it. Raises `NotAJournal`."""
    try:
        bound = from_record(value)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise NotAJournal(f"{shown(value)} is no bound") from None
    if any(end is not None and not _sound(end) for end in (bound.low, bound.high)):
        raise NotAJournal(f"{shown(value)} is no bound")
    return bound


def _sound(end: Number) -> bool:
    return 0 <= end <= 10**30
