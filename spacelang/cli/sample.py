"""`spacelang sample`: networks of a space, drawn inside bounds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from spacelang import notation
from spacelang.cli.measures import nearest_known, priced
from spacelang.cli.terminal import fail, say
from spacelang.cli.texts import compiled, open_text
from spacelang.lower.bounds import windows

_STRETCHES = 10


def sample(
    file: Annotated[Path, typer.Argument(help="A .space file, or - for standard input.")],
    number: Annotated[int, typer.Option("-n", min=1, help="How many.")] = 10,
    flops: Annotated[str | None, typer.Option(help="MACs: 4.5G (at most) or 4G..4.5G.")] = None,
    params: Annotated[str | None, typer.Option(help="Parameters: 28M (at most) or 20M..28M.")] = None,
    latency: Annotated[str | None, typer.Option(help="Of a table of latency: 5ms (at most) or 4ms..5ms.")] = None,
    cost: Annotated[list[Path] | None, typer.Option(help="A table of a further cost, as JSON.")] = None,
    bound: Annotated[
        list[str] | None, typer.Option(metavar="NAME=WINDOW", help="A bound on a measure: energy=2..2.5.")
    ] = None,
    law: Annotated[
        Literal["random", "uniform"],
        typer.Option(
            help="random: each stage, then each layer, uniform; uniform: each network. Both given the bounds."
        ),
    ] = "random",
    stratified: Annotated[
        bool, typer.Option("--stratified", help="As many from each of ten stretches of MACs.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="The same seed, the same networks.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")] = False,
) -> None:
    """Draw networks of a space, exactly from a law and exactly inside bounds: name, MACs, params, line."""
    from spacelang.lower.lowered import lower

    source = open_text(file)
    lowered, measures = priced(lower(compiled(source)), cost or [])
    named = {"flops": flops, "params": params, "latency": latency}
    bounds = windows(measures.bounds(lowered.chain, named, bound or []), lowered.chain)

    from spacelang.lower.chain import cost as cost_of
    from spacelang.lower.draw import draw, stream
    from spacelang.lower.stratify import stratified as spread
    from spacelang.lower.terms import Law

    chain, words = lowered.chain, stream(seed)
    if stratified:
        drawn = list(spread(chain, number, words, parts=_STRETCHES, law=Law(law), bounds=bounds))
    else:
        made = draw(chain, number, words, law=Law(law), bounds=bounds)
        if made.narrowed:
            say("drawn from a slightly narrower window: there are too many sums to draw exactly at its ends")
        drawn = list(made)
    if not drawn:
        fail(f"no network of {lowered.space.name} is inside the bounds", nearest_known(chain, bounds, measures))
    found = [(lowered.architecture(one), cost_of(chain, one)) for one in drawn]
    if as_json:
        rows = [
            {"name": one.name, "line": notation.write(one)}
            | {m: measures.plain(m, spent[chain.measures.index(m)]) for m in chain.costs}
            for one, spent in found
        ]
        print(json.dumps(rows, indent=2))
        return
    for one, spent in found:
        values = [f"{measures.short(m, spent[chain.measures.index(m)]):>6}" for m in chain.costs]
        print("  ".join([one.name, *values, notation.write(one)]))
