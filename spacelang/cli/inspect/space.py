"""A space, shown: its table, its size, its costs; and what is asked of it besides."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from spacelang.amount import plain, short, spaced
from spacelang.api.error import SpaceError
from spacelang.api.measures import LABELS, Measures, nearest_known
from spacelang.api.space import Space
from spacelang.cli.shares import share
from spacelang.cli.terminal import console, fail, grid, refused, say
from spacelang.cli.texts import open_text, told
from spacelang.language.measures import TIMES
from spacelang.lower import cost
from spacelang.lower.bounds import windows
from spacelang.lower.bracket import Bracket
from spacelang.lower.chain import Bounds, Window
from spacelang.lower.disk_cache import find_bracket
from spacelang.lower.lowered import Lowered


@frozen
class InspectRequest:
    """What the command line asks of a space besides the plain table."""

    flops: str | None = None
    params: str | None = None
    latency: str | None = None
    costs: tuple[Path, ...] = ()
    bounds: tuple[str, ...] = ()
    histogram: bool = False
    of: str = "flops"
    bins: int = 20
    plot: Path | None = None
    options: bool = False


def show(path: Path, asked: InspectRequest, as_json: bool) -> None:
    """Print a space, and what is asked of it."""
    source = open_text(path)
    space = told(source)
    if isinstance(space, SpaceError):
        fail(f"{source.name} has errors")
    with refused():
        space = space.with_costs(*asked.costs)
        bounds = space.windows(asked.flops, asked.params, asked.latency, asked.bounds)
        space.known_measure(asked.of)
    lowered, measures = space.lowered, space.measured
    ranges = {measure: space.extent(measure) for measure in space.measures}
    everyone = space.count()
    facts = _facts(space, everyone, ranges)
    if as_json:
        facts |= {"smallest": space.smallest.line, "largest": space.largest.line}
    else:
        _print(space, everyone, facts, ranges)
        for line in space.replaced:
            console().print(f"stage {line.stage}: `{line.name}` of {line.by} replaces the one of {line.scope}")
    inside = Bracket(everyone, everyone)
    if not bounds and space.checked.evolve.bounds and not as_json:
        _print_known(space, everyone)
    if bounds:
        inside = space.bracket(bounds)
        facts["inside"] = _inside(inside, everyone)
        if not as_json:
            _print_inside(inside, everyone, lowered, bounds, measures)
    if asked.histogram or asked.plot:
        from spacelang.cli.inspect import distribution

        histogram = space.histogram(
            asked.of,
            asked.bins,
            flops=asked.flops,
            params=asked.params,
            latency=asked.latency,
            bounds=asked.bounds,
        )
        facts["histogram"] = {
            "measure": histogram.measure,
            "bins": [one | {"count": plain(one["count"])} for one in histogram.records()],
        }
        if asked.plot:
            with refused():
                histogram.plot(asked.plot)
            say(f"written {asked.plot}")
        if asked.histogram and not as_json:
            distribution.show(histogram)
    if asked.options:
        from spacelang.cli.inspect import options

        worth = options.worth(lowered, bounds)
        facts["options"] = [options.facts(one, measures) for one in worth]
        if not as_json:
            options.show(worth, inside, measures)
    if as_json:
        print(json.dumps(facts, indent=2))


def _facts(space: Space, everyone: int, ranges: Mapping[str, Window]) -> dict[str, Any]:
    frame = space.checked.frame
    return {
        "space": space.name,
        "image": frame.image,
        "patch": frame.patch,
        "classes": frame.classes,
        "position": list(frame.position),
        "token": frame.token,
        "pool": frame.pool,
        "architectures": plain(everyone),
        **{
            measure: {
                "smallest": space.measured.plain(measure, end.lo),
                "largest": space.measured.plain(measure, end.hi),
            }
            for measure, end in ranges.items()
        },
        "supernet_params": cost.total(space.lowered.plan).params,
        "table": space.table(),
    }


def _print(space: Space, everyone: int, facts: Mapping[str, Any], ranges: Mapping[str, Window]) -> None:
    frame, measures = space.checked.frame, space.measured
    out = console()
    out.print(f"[bold]{space.name}[/]")
    words = [
        f"image {frame.image}",
        f"patch {frame.patch}",
        f"channels {frame.channels}",
        f"classes {frame.classes}",
        f"position {' + '.join(frame.position)}",
        f"token {frame.token}",
        f"pool {frame.pool}",
        f"stem_norm {'yes' if frame.stem_norm else 'no'}",
    ]
    out.print(", ".join(words))
    out.print()
    heading, *body = facts["table"]
    out.print(grid(heading, body))
    out.print()
    out.print(f"architectures   {spaced(everyone)}")
    for measure, end in ranges.items():
        ends = sorted({end.lo, end.hi})
        span = " to ".join(measures.short(measure, value) for value in ends)
        exact = " to ".join(measures.spaced(measure, value) for value in ends)
        out.print(f"{LABELS.get(measure, measure):<15} {span}" + (f"   ({exact})" if exact != span else ""))
    out.print(f"supernet        {short(facts['supernet_params'])} params   (every dimension at its largest)")
    out.print("largest         is the network with the most MACs, smallest that with the fewest")
    for bound in space.checked.train.bounds:
        out.print(f"train bound     {measures.stated(bound)}")
    for bound in space.checked.evolve.bounds:
        untabled = bound.of_a_table and bound.measure not in measures.tables
        how = f"   (by a table: --cost{', of spacelang measure' if bound.measure in TIMES else ''})"
        out.print(f"search bound    {measures.stated(bound)}{how if untabled else ''}")


def _print_inside(inside: Bracket, everyone: int, lowered: Lowered, bounds: Bounds, measures: Measures) -> None:
    out = console()
    if inside.exact:
        out.print(f"inside bounds   {spaced(inside.lower)}   ({share(inside.lower, everyone)}, exact)")
    else:
        out.print(f"inside bounds   at least {spaced(inside.lower)}, at most {spaced(inside.upper)}")
        low, high = share(inside.lower, everyone), share(inside.upper, everyone)
        out.print(f"                ({low} to {high}; certain limits: there are too many sums to count exactly)")
    if inside.upper == 0:
        out.print(f"                {nearest_known(lowered.chain, bounds, measures)}")


def _print_known(space: Space, everyone: int) -> None:
    """How many networks are inside the search's own bounds, where that has been counted before."""
    chain = space.lowered.chain
    with refused():
        bounds = windows(space.measured.tabled(space.checked.evolve.bounds), chain)
    if not bounds.keys() <= set(chain.measures):
        return
    found = find_bracket(chain, bounds)
    if found is not None and found.exact:
        console().print(f"inside it       {spaced(found.lower)}   ({share(found.lower, everyone)}, exact)")


def _inside(found: Bracket, everyone: int) -> dict[str, Any]:
    return {
        "at_least": plain(found.lower),
        "at_most": plain(found.upper),
        "exact": found.exact,
        "share": [found.lower / everyone, found.upper / everyone],
    }
