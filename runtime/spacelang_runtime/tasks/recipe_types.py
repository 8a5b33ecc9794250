"""What a line of a recipe may hold: each type takes what is meant for it alone, and says what it expected."""

from __future__ import annotations

import math
from typing import Any, Literal, get_args, get_origin

import cattrs

from spacelang.outside import shown

_MOST = 1e12  # no line of a recipe comes near it


def _numbers(value: Any, kind: type) -> Any:
    """Numbers as numbers alone: no text or truth value is taken for one."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"expected a number, found {value!r}")
    if not math.isfinite(value) or abs(value) > _MOST:
        raise ValueError(f"expected a number of at most {_MOST:g}, found {shown(value)}")
    if kind is int and value != int(value):
        raise ValueError(f"expected a whole number, found {value!r}")
    return kind(value)


def _list(value: Any, kind: Any) -> tuple[Any, ...]:
    of = get_args(kind)
    if not isinstance(value, list | tuple):
        raise ValueError(f"expected a list such as [1, 2], found {value!r}")
    if of[-1] is not Ellipsis and len(value) != len(of):
        raise ValueError(f"expected {len(of)} values, found {len(value)}")
    return tuple(convert.structure(one, of[0]) for one in value)


def _word(value: Any, kind: Any) -> str:
    if value not in get_args(kind):
        raise ValueError(f"expected {', '.join(get_args(kind))}; found {value!r}")
    return str(value)


def _truth(value: Any, _: type) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"expected true or false, found {value!r}")
    return value


def _text(value: Any, _: type) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected a text, found {value!r}")
    return value


def _classes(value: Any, _: Any) -> tuple[str, ...] | int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value > 0):
        return value
    if isinstance(value, list | tuple) and value and all(isinstance(name, str) for name in value):
        return tuple(value)
    raise ValueError(f"expected a list of names or their number, found {value!r}")


def _converter() -> cattrs.Converter:
    converter = cattrs.Converter()
    for kind in (int, float):
        converter.register_structure_hook(kind, _numbers)
    converter.register_structure_hook(bool, _truth)
    converter.register_structure_hook(str, _text)
    converter.register_structure_hook_func(lambda t: get_origin(t) is tuple, _list)
    converter.register_structure_hook_func(lambda t: get_origin(t) is Literal, _word)
    converter.register_structure_hook_func(lambda t: t == (tuple[str, ...] | int | None), _classes)
    return converter


convert = _converter()
