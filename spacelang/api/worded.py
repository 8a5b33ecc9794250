"""Calls that answer a keyword which they do not have with the one that was meant."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import ParamSpec, TypeVar

from spacelang.api.error import NotAnOption
from spacelang.language.meant import advice

P = ParamSpec("P")
R = TypeVar("R")


def worded(call: Callable[P, R]) -> Callable[P, R]:
    """The same call. A keyword that is another system's word for one of its own, or a slip of it, raises
    `NotAnOption` with that one; of one that resembles none, Python says what it says."""
    of, *known = signature(call).parameters  # the first is what is asked

    @wraps(call)
    def asked(*args: P.args, **words: P.kwargs) -> R:
        for word in words:
            if word not in (of, *known) and (said := advice(word, known)) is not None:
                raise NotAnOption(word, said.replace("`", ""), f"there are {', '.join(known)}")
        return call(*args, **words)

    return asked
