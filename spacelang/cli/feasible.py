"""Whether any network of a space meets bounds: where none does, that is the end of the command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spacelang.api import feasible as front
from spacelang.api.measures import Measures
from spacelang.cli.terminal import refused, say_once
from spacelang.recipe import Bound

if TYPE_CHECKING:
    from spacelang.lower.lowered import Lowered


def feasible(lowered: Lowered, asked: tuple[Bound, ...], measures: Measures) -> None:
    """Refuse bounds that no network meets: with what the closest network spends, and the values that can be met.
    Those that all networks meet are told."""
    with refused():
        front.feasible(lowered, asked, measures)
    for line in front.idle(lowered, asked, measures):
        say_once(line)
