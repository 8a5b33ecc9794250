"""What of a JSON value is of another kind than a record has there: key by key, in words.

It comes before cattrs, which would make the text "3" of the number 3, and yes of any text; and which says of some
values what Python said of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

import attrs

from spacelang.outside import shown

_WORDS = {str: "not a text", bool: "neither true nor false", int: "not a whole number", float: "not a number"}
_TAKEN: dict[type, tuple[type, ...]] = {str: (str,), bool: (bool,), int: (int,), float: (int, float)}


def misfits(value: Any, kind: Any, at: str = "") -> Iterator[str]:
    """What is wrong with a value for a kind: a class of attrs, str, bool, int, float, a tuple or dict of such, or
    one of these or None. at: its key, those of parts behind dots."""
    if isinstance(kind, UnionType):
        if value is not None:
            (some,) = (one for one in get_args(kind) if one is not NoneType)
            yield from misfits(value, some, at)
    elif kind in _WORDS:
        if not isinstance(value, _TAKEN[kind]) or (isinstance(value, bool) and kind is not bool):
            yield f"{at} is {shown(value)}, and {_WORDS[kind]}"
    elif get_origin(kind) is tuple:
        if not isinstance(value, list | tuple):
            yield f"{at} is {shown(value)}, and no list"
        else:
            for number, part in enumerate(value):
                yield from misfits(part, get_args(kind)[0], f"{at}[{number}]")
    elif not isinstance(value, dict):
        yield f"{at} is {shown(value)}, and no object".removeprefix(" ")
    elif get_origin(kind) is dict:
        for name, part in value.items():
            yield from misfits(part, get_args(kind)[1], _under(at, name))
    else:
        yield from _of_class(value, kind, at)


def _of_class(value: dict[str, Any], kind: type[Any], at: str) -> Iterator[str]:
    kinds = get_type_hints(kind)
    for one in attrs.fields(kind):
        if one.name in value:
            yield from misfits(value[one.name], kinds[one.name], _under(at, one.name))
        elif one.default is attrs.NOTHING:
            yield f"{_under(at, one.name)} is missing"
    for name in value:
        if name not in kinds:
            yield f"{_under(at, name)} is no key of it"


def _under(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name
