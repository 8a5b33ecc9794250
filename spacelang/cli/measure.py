"""`spacelang measure`: how long each block of a space takes on the device at hand, as a table."""

from __future__ import annotations

import json
from math import floor, log10
from pathlib import Path
from statistics import mean, median
from typing import TYPE_CHECKING, Annotated

import typer

from spacelang.cli.options import Device, ResultAsJson
from spacelang.cli.place import vacant
from spacelang.cli.terminal import console, grid, say
from spacelang.cli.texts import compiled, open_text
from spacelang.cli.watch import progress

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spacelang.lower.lowered import Lowered
    from spacelang_runtime.search.timing import Bench, Timing


def measure(
    space: Annotated[Path, typer.Argument(help="A .space file.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The table to write.")] = Path("latency.json"),
    device: Device = "auto",
    batch: Annotated[int, typer.Option(min=1, max=1_000_000, help="Images at a time.")] = 64,
    precision: Annotated[
        str | None, typer.Option(help="fp32, bf16 or fp16 (default: bf16 on a GPU, else fp32).")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Timings of each block, of which the median counts.")] = 9,
    check: Annotated[
        int, typer.Option(min=0, help="Then run so many random networks whole, and say how near the table comes.")
    ] = 0,
    as_json: ResultAsJson = False,
) -> None:
    """Time every distinct block of a space on a device, and write a table of latencies.

    With it a latency is one more exact bound: spacelang evolve --cost latency.json --latency 5ms.
    """
    lowered = _lowered(space)

    from spacelang_runtime.engine.distributed import choose
    from spacelang_runtime.search.latency import measure as timings_of
    from spacelang_runtime.search.timing import PRECISIONS, Bench

    chosen = choose(device)
    word = precision or ("bf16" if chosen.type == "cuda" else "fp32")
    named = next((name for name in PRECISIONS if name == word), None)
    if named is None:
        raise typer.BadParameter(f"{word!r} is none of {', '.join(PRECISIONS)}", param_hint="--precision")
    bench = Bench(chosen, named, batch, rounds)
    vacant(output, "the table")
    with progress(f"measure {lowered.space.name}") as show:
        timings = timings_of(lowered, bench, show)
    _write(output, lowered, bench, timings)
    errors = _check(lowered, bench, timings, check) if check else []
    rough = max(timings, key=lambda key: (timings[key].high - timings[key].low) / timings[key].median)
    spread = median((timing.high - timing.low) / timing.median for timing in timings.values())
    if as_json:
        facts = {"table": str(output), "blocks": len(timings), "spread": spread, "roughest": rough}
        print(json.dumps({**facts, "errors": errors, "error": mean(errors) if errors else None}, indent=2))
        return
    console().print(
        grid(
            ["blocks", "fastest", "slowest", "spread (median)", "spread (most)"],
            [
                [
                    str(len(timings)),
                    *(f"{1000 * pick(t.median for t in timings.values()):.4g} ms" for pick in (min, max)),
                    f"{spread:.1%}",
                    f"{(timings[rough].high - timings[rough].low) / timings[rough].median:.1%} {rough}",
                ]
            ],
        )
    )
    if errors:
        off = f"the table is {mean(errors):.1%} off on average, {max(errors):.1%} at most"
        print(f"{check} random networks run whole: {off}")
    say(f"wrote {output}: {named}, {batch} images at a time, {_name(bench)}")
    say(f"next: spacelang inspect {space} --cost {output}, or spacelang evolve --cost {output} --latency WINDOW")


def _lowered(path: Path) -> Lowered:
    from spacelang.lower.lowered import lower

    return lower(compiled(open_text(path)))


def _write(path: Path, lowered: Lowered, bench: Bench, timings: Mapping[str, Timing]) -> None:
    """Keep a table: entries in milliseconds, and beside them how they came about."""
    from spacelang_runtime.atomic import replace_json
    from spacelang_runtime.engine.record import versions

    # Three digits of the usual block: noise is larger, and the exact arithmetic likes whole steps that are few.
    digits = 2 - floor(log10(median(1000 * timing.median for timing in timings.values())))
    table = {
        "measure": "latency",
        "unit": "ms",
        "space": lowered.space.name,
        "device": _name(bench),
        "batch": bench.batch,
        "precision": bench.precision,
        "rounds": bench.rounds,
        "versions": versions(),
        "entries": {key: round(1000 * timing.median, max(0, min(digits, 9))) for key, timing in timings.items()},
        "timings": {
            key: {name: round(1000 * getattr(timing, name), 6) for name in ("fresh", "median", "low", "high")}
            for key, timing in timings.items()
        },
    }
    replace_json(path, table)


def _check(lowered: Lowered, bench: Bench, timings: Mapping[str, Timing], count: int) -> list[float]:
    """By which share the table is off, for each of so many random networks."""
    from spacelang.lower.draw import draw, stream
    from spacelang_runtime.search.latency import added, whole

    drawn = [lowered.architecture(genotype) for genotype in draw(lowered.chain, count, stream(0))]
    with progress(f"run {count} networks whole") as show:
        found = whole(drawn, bench, show)
    return [
        abs(added(timings, architecture) - timing.median) / timing.median
        for architecture, timing in zip(drawn, found, strict=True)
    ]


def _name(bench: Bench) -> str:
    import platform

    import torch

    if bench.device.type == "cuda":
        return torch.cuda.get_device_name(bench.device)
    return platform.processor() or platform.machine()
