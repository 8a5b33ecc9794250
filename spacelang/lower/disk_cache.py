"""Answers that took long, kept in the user's cache: counts inside bounds, and what the options are worth there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from spacelang import cache
from spacelang.expression import exact
from spacelang.lower.bracket import Bracket, bracket
from spacelang.lower.chain import VERSION, Bounds, Chain, Window, digest
from spacelang.lower.lowered import Lowered

if TYPE_CHECKING:
    from spacelang.lower.effect import Effect


def cached_bracket(chain: Chain, bounds: Bounds) -> Bracket:
    """How many genotypes lie inside every window, as `bracket` says, from the cache where it was asked before."""
    counted = find_bracket(chain, bounds)
    if counted is None:
        counted = bracket(chain, bounds)
        cache.put(_name("counts", digest(chain), bounds), json.dumps(_ends(counted)).encode())
    return counted


def find_bracket(chain: Chain, bounds: Bounds) -> Bracket | None:
    """The count inside windows, where it was asked before."""
    kept = cache.get(_name("counts", digest(chain), bounds))
    return None if kept is None else _bracket(*json.loads(kept))


def cached_effects(lowered: Lowered, bounds: Bounds) -> Iterator[Effect]:
    """The effect of each option inside windows, as `effects` says, from the cache where it was asked before."""
    from spacelang import interchange
    from spacelang.lower.effect import effects

    name = _name("worths", interchange.digest(lowered.space) + digest(lowered.chain), bounds)
    kept = cache.get(name)
    if kept is not None:
        yield from map(_read, json.loads(kept))
        return
    made = []
    for one in effects(lowered, bounds):
        made.append(one)
        yield one
    cache.put(name, json.dumps([_written(one) for one in made]).encode())


def _name(what: str, of: str, bounds: Bounds) -> str:
    windows = sorted((measure, window.lo, window.hi) for measure, window in bounds.items())
    return cache.key(VERSION, what, of, repr(windows))


def _written(one: Effect) -> list[object]:
    ranges = {measure: [window.lo, window.hi] for measure, window in one.ranges.items()}
    return [one.stage, one.dimension, str(one.option), *_ends(one.taken), ranges]


def _read(kept: Any) -> Effect:
    from spacelang.lower.effect import Effect

    stage, dimension, option, lower, upper, ranges = kept
    value = option if option == "global" else exact(Fraction(option))
    windows = {measure: Window(*ends) for measure, ends in ranges.items()}
    return Effect(stage, dimension, value, _bracket(lower, upper), windows)


def _ends(counted: Bracket) -> list[str]:
    # Counts may have thousands of digits, and hexadecimal is the form that numbers of any size may be read in.
    return [hex(counted.lower), hex(counted.upper)]


def _bracket(lower: str, upper: str) -> Bracket:
    return Bracket(int(lower, 16), int(upper, 16))
