"""A table of latencies as a file: what stands in it beside its entries, and what is read of that."""

from __future__ import annotations

from collections.abc import Mapping
from math import floor, log10
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from attrs import asdict

from spacelang import notation
from spacelang_runtime.app.latency import device_of, processor
from spacelang_runtime.failure import Failure

if TYPE_CHECKING:
    from spacelang_runtime.app.latency import LatencyTable
    from spacelang_runtime.export.latency.measured import ReferenceNetwork
    from spacelang_runtime.export.latency.target import RuntimeTarget
    from spacelang_runtime.search.timing import Bench


def record(table: LatencyTable) -> dict[str, Any]:
    """A table as its file has it: entries in milliseconds, and beside them how they came about."""
    from spacelang_runtime.engine.record import versions
    from spacelang_runtime.export.latency.target import RuntimeTarget

    place = table.where
    # Three digits of the usual block: noise is larger, and the exact arithmetic likes whole steps that are few.
    digits = max(0, min(2 - floor(log10(median(1000 * entry for entry in table.entries.values()))), 9))
    at: dict[str, Any] = (
        {"threads": place.threads, "precision": "int8" if place.int8 else "fp32"}
        if isinstance(place, RuntimeTarget)
        else {"precision": place.precision}
    )
    line = table.correction
    return {
        "measure": "latency",
        "unit": "ms",
        "space": table.space,
        "device": table.device,
        "runtime": place.runtime if isinstance(place, RuntimeTarget) else "torch",
        **at,
        "batch": place.batch,
        "rounds": place.rounds,
        "versions": {**versions(), "runtime": table.runtime},
        "marks": list(table.marks),
        "busy": table.busy,
        "check": {"networks": len(table.errors), "error": table.error, "most": max(table.errors, default=None)},
        "correction": None
        if line is None
        else {**asdict(line), "layer": 1000 * line.layer, "network": 1000 * line.network},
        "references": [
            {"line": notation.write(one.architecture), "ms": round(1000 * one.seconds, 6)}
            for one in table.references
        ],
        "entries": {key: round(1000 * entry, digits) for key, entry in table.entries.items()},
        "timings": {
            key: {name: round(1000 * getattr(timing, name), 6) for name in ("fresh", "median", "low", "high")}
            for key, timing in table.timings.items()
        },
    }


def write(table: LatencyTable, path: Path) -> None:
    """Keep a table as a file."""
    from spacelang_runtime.atomic import replace_json

    replace_json(path, record(table))


def place_of(facts: Mapping[str, Any]) -> RuntimeTarget | Bench | None:
    """Where a table was measured, as its file tells; None where it does not tell, or that is not here."""
    from spacelang_runtime.engine.distributed import choose
    from spacelang_runtime.export.latency.target import RUNTIMES, RuntimeTarget
    from spacelang_runtime.search.timing import PRECISIONS, Bench

    batch, precision, runtime, device = (facts.get(name) for name in ("batch", "precision", "runtime", "device"))
    found: RuntimeTarget | Bench | None = None
    if not isinstance(batch, int):
        return None
    if (named := next((one for one in RUNTIMES if one == runtime), None)) is not None:
        threads = facts.get("threads")
        found = RuntimeTarget(named, threads if isinstance(threads, int) else None, precision == "int8", batch)
    elif runtime in (None, "torch") and (kind := next((one for one in PRECISIONS if one == precision), None)):
        found = Bench(choose("cpu" if device == processor() else "auto"), kind, batch)
    return found if found is not None and device_of(found) == device else None


def references_of(facts: Mapping[str, Any], path: Path) -> tuple[ReferenceNetwork, ...]:
    """The whole networks that a table keeps, with their times; none where it was made before tables had them.

    path: of the table, to be named. Raises `Failure` where what it keeps is damaged.
    """
    from spacelang_runtime.export.latency.measured import ReferenceNetwork

    try:
        found = tuple(
            ReferenceNetwork(notation.read(one["line"]), float(one["ms"]) / 1000)
            for one in facts.get("references") or ()
        )
        if any(one.seconds <= 0 for one in found):
            raise ValueError
    except (AttributeError, KeyError, TypeError, ValueError):
        raise Failure(
            f"{path} is damaged: 'references' is no list of networks with their times",
            "measure it anew: spacelang measure; or take 'references' out of it",
        ) from None
    return found
