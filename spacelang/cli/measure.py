"""`spacelang measure`: how long each block of a space takes where it will run, as a table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spacelang.amount import counted
from spacelang.cli.options import Device, ResultAsJson
from spacelang.cli.stop import stopped_in_words
from spacelang.cli.terminal import console, grid, say
from spacelang.cli.texts import loaded
from spacelang.cli.watch import progress

if TYPE_CHECKING:
    from spacelang_runtime.app.latency import LatencyTable


def measure(
    space: Annotated[Path, typer.Argument(help="A .space file.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The table to write.")] = Path("latency.json"),
    device: Device = "auto",
    runtime: Annotated[
        str, typer.Option(help="Where networks will run: torch, onnxruntime, openvino or executorch.")
    ] = "torch",
    threads: Annotated[
        int | None, typer.Option(min=1, max=1024, help="Of a runtime: threads of a pass (default: 1).")
    ] = None,
    int8: Annotated[bool, typer.Option("--int8", help="Of a runtime: networks in int8.")] = False,
    batch: Annotated[
        int | None, typer.Option(min=1, max=1_000_000, help="Images at a time (default: 64; of a runtime 1).")
    ] = None,
    precision: Annotated[
        str | None, typer.Option(help="Of torch: fp32, bf16 or fp16 (default: bf16 on a GPU, else fp32).")
    ] = None,
    rounds: Annotated[
        int | None,
        typer.Option(min=1, help="Timings of each block; the median counts (default: 9; of a runtime 25)."),
    ] = None,
    check: Annotated[
        int, typer.Option(min=0, help="Then run so many random networks whole, and say how near the table comes.")
    ] = 8,
    programs: Annotated[
        Path | None,
        typer.Option(help="Of a runtime: a folder where what is exported is kept, for the next call to take."),
    ] = None,
    as_json: ResultAsJson = False,
) -> None:
    """Time every distinct block of a space where it will run, and write a table of latencies.

    With it a latency is one more exact bound: spacelang evolve --cost latency.json --latency 5ms. A table that is
    over 10 % off, or that was measured on a busy machine, is marked, and evolve wants --force for it.
    """
    from spacelang.api.measure import measured, request

    made = loaded(space)
    asked = request(made, output, device, runtime, threads, int8, batch, precision, rounds, check, programs)
    with (
        stopped_in_words(f"stopped: {output} is as it was, and no time is kept", "give the same command again"),
        progress(f"measure {made.name}") as show,
    ):
        done = measured(asked, lambda seen: show(seen.share, seen.said))
    if as_json:
        print(json.dumps(done.to_json(), indent=2))
        return
    _show(done.table, space, output)


def _show(table: LatencyTable, space: Path, output: Path) -> None:
    times = [timing.median for timing in table.timings.values()]
    console().print(
        grid(
            ["blocks", "fastest", "slowest", "spread (median)", "spread (most)"],
            [
                [
                    str(len(times)),
                    *(f"{1000 * pick(times):.4g} ms" for pick in (min, max)),
                    f"{table.spread:.1%}",
                    f"{table.roughness:.1%} {table.roughest}",
                ]
            ],
        )
    )
    if table.correction is not None:
        line = table.correction
        print(
            f"corrected by {counted(line.networks, 'network')} run whole: {line.scale:.3f} times the blocks, "
            f"{1000 * line.layer:+.3g} ms a layer, {1000 * line.network:+.3g} ms a pass "
            f"({line.before:.1%} off on average before, {line.after:.1%} after)"
        )
    if table.errors:
        off = f"the table is {table.error:.1%} off on average, {max(table.errors):.1%} at most"
        print(f"{len(table.errors)} random networks run whole: {off}")
    batch = table.where.batch
    say(f"wrote {output}: {table.runtime}, {batch} image{'s' if batch > 1 else ''} at a time, {table.device}")
    if table.marks:
        say(f"it is marked as not to be trusted, and evolve will want --force: {'; '.join(table.marks)}")
        return
    say(f"next: spacelang inspect {space} --cost {output}, or spacelang evolve --cost {output} --latency WINDOW")
