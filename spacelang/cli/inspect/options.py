"""What each option of a space is worth, shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spacelang.amount import plain, rough
from spacelang.api.measures import LABELS, Measures
from spacelang.cli.shares import share
from spacelang.cli.terminal import console, grid
from spacelang.cli.watch import progress
from spacelang.expression import decimal
from spacelang.language.measures import EXACT
from spacelang.lower.bracket import Bracket
from spacelang.lower.chain import Bounds
from spacelang.lower.lowered import Lowered
from spacelang.space import Option, Searched, dimensions

if TYPE_CHECKING:
    from spacelang.lower.effect import Effect


def worth(lowered: Lowered, bounds: Bounds) -> tuple[Effect, ...]:
    """The effects of all options. Inside bounds they can take a while: how far they have come is shown."""
    from spacelang.lower.disk_cache import cached_effects
    from spacelang.lower.effect import effects

    if not bounds:
        return tuple(effects(lowered))
    stages = lowered.space.stages
    searched = {
        (name if found.tied == "network" else number, name): len(found.options)
        for number, stage in enumerate(stages)
        for name, found in dimensions(stage)
        if isinstance(found, Searched)
    }
    whole = sum(searched.values())
    made = []
    with progress("options") as tell:
        for one in cached_effects(lowered, bounds):
            made.append(one)
            tell(len(made) / whole, f"{_where(one)}, {one.dimension} {_written(one.option)}")
    return tuple(made)


def show(effects: tuple[Effect, ...], inside: Bracket, measures: Measures) -> None:
    """Print a row for each option: the share of networks that have it, inside the bounds, and what these cost."""
    out = console()
    names = sorted({measure for one in effects for measure in one.ranges}, key=_order)
    body = []
    before: tuple[int, str] | None = None
    for one in effects:
        place = (one.stage, one.dimension)
        ends = [one.ranges.get(measure) for measure in names]
        body.append(
            [
                _where(one) if before is None or before[0] != one.stage else "",
                one.dimension if place != before else "",
                _written(one.option),
                "dead" if one.dead else _shares(one, inside),
                *(
                    "" if end is None else f"{measures.short(m, end.lo)}..{measures.short(m, end.hi)}"
                    for m, end in zip(names, ends, strict=True)
                ),
            ]
        )
        before = place
    out.print()
    out.print("networks that have each option (a layer's option: in at least one layer of the stage)")
    labels = [LABELS.get(measure, measure) for measure in names]
    out.print(grid(["", "", "option", "networks", *labels], body))


def _where(one: Effect) -> str:
    return f"stage {one.stage}" if one.stage else "network"


def _order(measure: str) -> tuple[bool, str]:
    return measure not in EXACT, measure


def _shares(one: Effect, inside: Bracket) -> str:
    if not (one.taken.exact and inside.exact):
        return f"{rough(one.taken.lower)} to {rough(one.taken.upper)}"
    return share(one.taken.lower, inside.lower)


def _written(option: Option) -> str:
    return option if isinstance(option, str) else decimal(option)


def facts(one: Effect, measures: Measures) -> dict[str, Any]:
    """An option's effect as JSON values."""
    return {
        "stage": one.stage or "network",
        "dimension": one.dimension,
        "option": _written(one.option),
        "at_least": plain(one.taken.lower),
        "at_most": plain(one.taken.upper),
        "dead": one.dead,
        **{
            measure: {"smallest": measures.plain(measure, end.lo), "largest": measures.plain(measure, end.hi)}
            for measure, end in one.ranges.items()
        },
    }
