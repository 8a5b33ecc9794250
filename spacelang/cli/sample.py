"""`spacelang sample`: networks of a space, drawn inside bounds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from spacelang.cli.options import AsJson, BoundsOption, Latency, bounding
from spacelang.cli.terminal import refused, say
from spacelang.cli.texts import loaded


def sample(
    file: Annotated[Path, typer.Argument(help="A .space file, or - for standard input.")],
    number: Annotated[int, typer.Option("-n", min=1, help="How many.")] = 10,
    flops: Annotated[str | None, bounding("flops", "MACs")] = None,
    params: Annotated[str | None, bounding("params", "Parameters")] = None,
    latency: Latency = None,
    cost: Annotated[list[Path] | None, typer.Option(help="A table of a further cost, as JSON.")] = None,
    bound: BoundsOption = None,
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
    as_json: AsJson = False,
) -> None:
    """Draw networks of a space, exactly from a law and exactly inside bounds: name, MACs, params, line."""
    space = loaded(file)
    with refused():
        space = space.with_costs(*cost or ())
        drawn = space.sample(
            number,
            flops=flops,
            params=params,
            latency=latency,
            bounds=bound,
            law=law,
            stratified=stratified,
            seed=seed,
        )
    if drawn.narrowed:
        say("drawn from a slightly narrower window: there are too many sums to draw exactly at its ends")
    if as_json:
        print(json.dumps(drawn.records(), indent=2))
        return
    for row in drawn.records():
        values = [f"{space.measured.said(measure, row[measure]):>6}" for measure in space.measures]
        print("  ".join([row["name"], *values, row["line"]]))
