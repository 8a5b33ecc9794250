"""`spacelang inspect`: look at a space, a run or an architecture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spacelang import notation
from spacelang.amount import clock, short, spaced
from spacelang.architecture import Architecture, to_json
from spacelang.cli.terminal import console, fail
from spacelang.cli.texts import checked, open_text
from spacelang.cli.train import RUNS
from spacelang.expression import decimal
from spacelang.lower import cost
from spacelang.lower.plan import of_architecture
from spacelang.space import Space
from spacelang.table import rows

if TYPE_CHECKING:
    from rich.table import Table

    from spacelang_runtime.run import Run


def inspect(
    what: Annotated[
        str | None,
        typer.Argument(
            help="A .space file, a run, an architecture (line, JSON file, model folder); default: the latest run."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")] = False,
    runs: Annotated[Path, typer.Option(help="The folder of all runs.")] = RUNS,
) -> None:
    """Show a space as a table with its size and costs, how far a run has come, or what a network is."""
    if what is not None and (what.endswith(".space") or what == "-"):
        _file(Path(what), as_json)
        return
    from spacelang_runtime.run import find
    from spacelang_runtime.target import read

    architecture = read(what) if what is not None else None
    if architecture is not None:
        _architecture(architecture, as_json)
    else:
        _run(find(runs, what), as_json)


def _file(path: Path, as_json: bool) -> None:
    source = open_text(path)
    result = checked(source)
    if result.space is None:
        fail(f"{source.name} has errors")
    facts = _facts(result.space)
    if as_json:
        print(json.dumps(facts, indent=2))
        return
    _space(result.space, facts)
    for line in result.replaced:
        console().print(f"stage {line.stage}: `{line.name}` of {line.by} replaces the one of {line.scope}")


def _facts(space: Space) -> dict[str, Any]:
    from spacelang.lower.lowered import lower

    lowered = lower(space)
    ends = {measure: lowered.range(measure) for measure in cost.MEASURES}
    return {
        "space": space.name,
        "image": space.frame.image,
        "patch": space.frame.patch,
        "classes": space.frame.classes,
        "position": list(space.frame.position),
        "token": space.frame.token,
        "pool": space.frame.pool,
        "architectures": lowered.count,
        **{measure: {"smallest": end.lo, "largest": end.hi} for measure, end in ends.items()},
        "supernet_params": cost.total(lowered.plan).params,
        "table": rows(space, lowered.legal),
        "smallest": notation.write(lowered.smallest),
        "largest": notation.write(lowered.largest),
    }


def _space(space: Space, facts: dict[str, Any]) -> None:
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
    out.print(f"architectures   {spaced(facts['architectures'])}")
    for measure, label in (("flops", "MACs"), ("params", "params")):
        low, high = facts[measure]["smallest"], facts[measure]["largest"]
        exact = f"({spaced(low)} to {spaced(high)})" if low != high else f"({spaced(low)})"
        span = f"{short(low)} to {short(high)}" if low != high else short(low)
        out.print(f"{label:<15} {span}   {exact}")
    out.print(f"supernet        {short(facts['supernet_params'])} params")
    for bound in space.evolve.bounds:
        out.print(f"search bound    {_bound(bound.measure, bound.low, bound.high)}")


def _bound(measure: str, low: int | None, high: int | None) -> str:
    left = f"{short(low)} <= " if low is not None else ""
    right = f" <= {short(high)}" if high is not None else ""
    return f"{left}{measure}{right}"


def grid(heading: list[str], body: list[list[str]]) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in heading:
        table.add_column(name)
    for row in body:
        table.add_row(*row)
    return table


def _architecture(architecture: Architecture, as_json: bool) -> None:
    parts = of_architecture(architecture)
    whole = cost.total(parts)
    if as_json:
        record = {
            "name": architecture.name,
            "line": notation.write(architecture),
            "flops": whole.flops,
            "params": whole.params,
            "architecture": to_json(architecture),
        }
        print(json.dumps(record, indent=2))
        return
    out = console()
    out.print(f"[bold]{architecture.name}[/]   {short(whole.params)} params, {short(whole.flops)} MACs")
    out.print(f"{spaced(whole.params)} params, {spaced(whole.flops)} MACs")
    out.print(notation.write(architecture), soft_wrap=True)
    out.print()
    body = []
    for number, stage in enumerate(architecture.stages):
        spent = sum(cost.macs(part) for part in parts if getattr(part, "stage", None) == number)
        for index, layer in enumerate(stage.layers, 1):
            first = index == 1
            body.append(
                [
                    f"{number + 1}" if first else "",
                    str(stage.embed) if first else "",
                    str(index),
                    str(layer.heads),
                    str(layer.qkv),
                    decimal(layer.mlp),
                    str(layer.window),
                    f"{short(spent)}  {spent / whole.flops:.0%}" if first else "",
                ]
            )
    out.print(grid(["stage", "embed", "layer", "heads", "qkv", "mlp", "window", "MACs of its layers"], body))


def _run(run: Run, as_json: bool) -> None:
    from spacelang_runtime.journal import open_journal

    record, state, best = run.record, run.state, run.best
    with open_journal(run.folder) as journal:
        searches, scores = journal.counts()
        leaders = journal.best(5)
    if as_json:
        print(
            json.dumps(
                {
                    "run": run.name,
                    "space": record.space,
                    "data": record.data.name,
                    "preview": record.preview,
                    "created": record.created,
                    "step": state.step if state else 0,
                    "steps": state.limits.steps if state else record.limits.steps,
                    "finished": state.finished if state else False,
                    "losses": state.losses if state else {},
                    "searches": searches,
                    "scores": scores,
                    "best": best,
                },
                indent=2,
            )
        )
        return
    out = console()
    preview = "   PREVIEW: its numbers mean nothing" if record.preview else ""
    out.print(f"[bold]{run.name}[/]   space {record.space}, {record.data.name}, {record.device}{preview}")
    if state is None:
        out.print("training has kept no checkpoint yet")
    else:
        status = "finished" if state.finished else "stopped; go on with --resume"
        losses = ", ".join(f"{kind} {loss:.3f}" for kind, loss in state.losses.items())
        out.print(f"trained   {state.step} steps in {clock(state.elapsed)}, {status}; last losses: {losses}")
        if state.skipped:
            out.print(f"          {state.skipped} steps were skipped: their losses were not finite")
    if not leaders:
        out.print(f"searched  not yet: spacelang evolve {run.name}")
        return
    out.print(f"searched  {searches} times, {scores} networks scored; the best of the last search:")
    out.print()
    body = [
        [
            s.entry.architecture[:8],
            f"{s.accuracy:.2%}",
            f"{s.correct}/{s.images}",
            short(s.entry.flops),
            short(s.entry.params),
        ]
        for s in leaders
    ]
    out.print(grid(["name", "held out", "right", "MACs", "params"], body))
    out.print()
    if best:
        out.print(best["line"], soft_wrap=True)
        out.print(f"take it home: spacelang export best -o model/ --run {run.name}")
