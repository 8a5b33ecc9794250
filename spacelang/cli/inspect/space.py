"""A space, shown: its table, its size, its costs; and what is asked of it besides."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from spacelang import notation
from spacelang.amount import plain, short, spaced
from spacelang.cli.inspect import distribution, options
from spacelang.cli.measures import LABELS, Measures, nearest_known, priced
from spacelang.cli.shares import share
from spacelang.cli.terminal import console, fail, grid
from spacelang.cli.texts import checked, open_text
from spacelang.lower import cost
from spacelang.lower.bounds import windows
from spacelang.lower.bracket import Bracket
from spacelang.lower.chain import Bounds, Window
from spacelang.lower.chain import cost as cost_of
from spacelang.lower.extremes import largest, smallest
from spacelang.lower.lowered import Lowered, existing, lower
from spacelang.lower.remembered import bracketed, known
from spacelang.recipe import TIMES
from spacelang.table import rows


@frozen
class Asked:
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


def show(path: Path, asked: Asked, as_json: bool) -> None:
    """Print a space, and what is asked of it."""
    source = open_text(path)
    result = checked(source)
    if result.space is None:
        fail(f"{source.name} has errors")
    lowered, measures = priced(lower(result.space), asked.costs)
    ranges = _ranges(lowered)
    named = {"flops": asked.flops, "params": asked.params, "latency": asked.latency}
    bounds = windows(measures.bounds(lowered.chain, named, asked.bounds), lowered.chain)
    if asked.of not in lowered.chain.measures:
        fail(f"{asked.of} is no measure of the space", f"one of {', '.join(lowered.chain.measures)}")
    facts = _facts(lowered, ranges, measures)
    if not as_json:
        _print(lowered, facts, ranges, measures)
        for line in result.replaced:
            console().print(f"stage {line.stage}: `{line.name}` of {line.by} replaces the one of {line.scope}")
    inside = Bracket(lowered.count, lowered.count)
    if not bounds and lowered.space.evolve.bounds and not as_json:
        _print_known(lowered, lowered.count, measures)
    if bounds:
        inside = bracketed(lowered.chain, bounds)
        facts["inside"] = _inside(inside, lowered.count)
        if not as_json:
            _print_inside(inside, lowered.count, lowered, bounds, measures)
    if asked.histogram or asked.plot:
        from spacelang.lower.histogram import bins  # numpy, on use

        histogram = bins(lowered.chain, asked.of, asked.bins, bounds)
        facts["histogram"] = distribution.facts(histogram, asked.of, measures)
        if asked.plot:
            distribution.plot(asked.plot, lowered.space.name, histogram, asked.of, measures)
        if asked.histogram and not as_json:
            distribution.show(histogram, asked.of, measures)
    if asked.options:
        worth = options.worth(lowered, bounds)
        facts["options"] = [options.facts(one, measures) for one in worth]
        if not as_json:
            options.show(worth, inside, measures)
    if as_json:
        print(json.dumps(facts, indent=2))


def _ranges(lowered: Lowered) -> dict[str, Window]:
    """The least and most that networks cost, by measure; found without numpy, which takes long to import."""
    chain = lowered.chain
    found = {}
    for measure in chain.costs:
        axis = chain.measures.index(measure)
        ends = (smallest(chain, (measure,)), largest(chain, (measure,)))
        low, high = (cost_of(chain, existing(end))[axis] for end in ends)
        found[measure] = Window(low, high)
    return found


def _facts(lowered: Lowered, ranges: Mapping[str, Window], measures: Measures) -> dict[str, Any]:
    space = lowered.space
    return {
        "space": space.name,
        "image": space.frame.image,
        "patch": space.frame.patch,
        "classes": space.frame.classes,
        "position": list(space.frame.position),
        "token": space.frame.token,
        "pool": space.frame.pool,
        "architectures": plain(lowered.count),
        **{
            measure: {"smallest": measures.plain(measure, end.lo), "largest": measures.plain(measure, end.hi)}
            for measure, end in ranges.items()
        },
        "supernet_params": cost.total(lowered.plan).params,
        "table": rows(space, lowered.legal),
        "smallest": notation.write(lowered.smallest),
        "largest": notation.write(lowered.largest),
    }


def _print(lowered: Lowered, facts: Mapping[str, Any], ranges: Mapping[str, Window], measures: Measures) -> None:
    space = lowered.space
    frame = space.frame
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
    out.print(f"architectures   {spaced(lowered.count)}")
    for measure, end in ranges.items():
        ends = sorted({end.lo, end.hi})
        span = " to ".join(measures.short(measure, value) for value in ends)
        exact = " to ".join(measures.spaced(measure, value) for value in ends)
        out.print(f"{LABELS.get(measure, measure):<15} {span}" + (f"   ({exact})" if exact != span else ""))
    out.print(f"supernet        {short(facts['supernet_params'])} params   (every dimension at its largest)")
    out.print("largest         is the network with the most MACs, smallest that with the fewest")
    for bound in space.evolve.bounds:
        untabled = bound.measure in TIMES and bound.measure not in measures.tables
        out.print(
            f"search bound    {bound}" + ("   (by a table: --cost, of spacelang measure)" if untabled else "")
        )


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


def _print_known(lowered: Lowered, everyone: int, measures: Measures) -> None:
    """How many networks are inside the search's own bounds, where that has been counted before."""
    bounds = windows(measures.tabled(lowered.space.evolve.bounds), lowered.chain)
    if not bounds.keys() <= set(lowered.chain.measures):
        return
    found = known(lowered.chain, bounds)
    if found is not None and found.exact:
        console().print(f"inside it       {spaced(found.lower)}   ({share(found.lower, everyone)}, exact)")


def _inside(found: Bracket, everyone: int) -> dict[str, Any]:
    return {
        "at_least": plain(found.lower),
        "at_most": plain(found.upper),
        "exact": found.exact,
        "share": [found.lower / everyone, found.upper / everyone],
    }
