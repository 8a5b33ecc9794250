"""How long the blocks of a space take on the machine at hand, as a table that a search bounds by; and whether it
holds.

Making a table, checking it on networks that run whole, and marking it where it is not to be trusted are one thing.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from math import floor, log10
from pathlib import Path
from statistics import mean, median
from typing import TYPE_CHECKING, Any

from attrs import asdict, frozen

if TYPE_CHECKING:
    from spacelang.architecture import Architecture
    from spacelang.lower.lowered import Lowered
    from spacelang_runtime.export.latency.correction import Correction
    from spacelang_runtime.export.latency.target import RuntimeTarget
    from spacelang_runtime.search.timing import Bench, Timing

CHECKED = 8  # networks that a table is checked on
FITTED = 8  # others, that a runtime's table is corrected by
OFF = 0.10  # on average: beyond it a table is marked

Observe = Callable[[float, str], None]


@frozen
class LatencyTable:
    """A measured table. entries: seconds a block, by key, corrected; timings: of the blocks alone. errors: by which
    share it is off, for each network of the check. busy: cores that others kept at work meanwhile, where that is
    known. runtime: name and version. marks: why it is not to be trusted."""

    space: str
    device: str
    where: RuntimeTarget | Bench
    runtime: str
    entries: Mapping[str, float]
    timings: Mapping[str, Timing]
    correction: Correction | None
    errors: tuple[float, ...]
    busy: float | None

    @property
    def error(self) -> float | None:
        """How far it is off on average; None where it was not checked."""
        return mean(self.errors) if self.errors else None

    @property
    def marks(self) -> tuple[str, ...]:
        """Why it is not to be trusted; empty where nothing is known against it."""
        from spacelang_runtime.export.busy import MOST

        found = []
        if self.error is not None and self.error > OFF:
            found.append(f"it is {self.error:.1%} off on average, on {len(self.errors)} networks that ran whole")
        if self.busy is not None and self.busy > MOST:
            found.append(f"others kept {self.busy:.1f} cores busy while it was measured")
        return tuple(found)

    @property
    def roughest(self) -> str:
        """The block whose rounds differ most."""
        return max(self.timings, key=lambda key: _spread(self.timings[key]))

    @property
    def spread(self) -> float:
        """How far the quartiles of a block's rounds are apart, as a share: the median over the blocks."""
        return median(map(_spread, self.timings.values()))

    @property
    def roughness(self) -> float:
        """The same of the roughest block."""
        return _spread(self.timings[self.roughest])


def measure(
    lowered: Lowered,
    where: RuntimeTarget | Bench,
    checked: int = CHECKED,
    seed: int = 0,
    observe: Observe = lambda _, __: None,
) -> LatencyTable:
    """Time every distinct block of a space, then random networks whole.

    where: in torch (`Bench`), or in a runtime (`RuntimeTarget`), where networks besides those of the check correct
    what the blocks say. checked: networks of the check. Raises `Failure` where a runtime is not installed, and
    where memory does not hold what is timed.
    """
    from spacelang_runtime.export.busy import watch
    from spacelang_runtime.export.latency.target import RuntimeTarget

    if isinstance(where, RuntimeTarget):
        return _in_runtime(lowered, where, checked, seed, observe)
    others = watch()
    timings, runtime = _in_torch(lowered, where, observe)
    entries = {key: timing.median for key, timing in timings.items()}
    drawn = _drawn(lowered, checked, seed)
    errors = _errors(entries, drawn, whole(drawn, where, observe) if checked else [])
    device = device_of(where)
    return LatencyTable(lowered.space.name, device, where, runtime, entries, timings, None, errors, others())


def whole(
    networks: Sequence[Architecture], where: RuntimeTarget | Bench, observe: Observe = lambda _, __: None
) -> list[float]:
    """Seconds that whole networks take."""
    from spacelang_runtime.export.latency import measured
    from spacelang_runtime.export.latency.target import RuntimeTarget
    from spacelang_runtime.search.latency import whole as in_torch

    given = list(networks)
    timings = (
        measured.whole(given, where, observe)
        if isinstance(where, RuntimeTarget)
        else in_torch(given, where, observe)
    )
    return [timing.median for timing in timings]


def _in_runtime(lowered: Lowered, place: RuntimeTarget, checked: int, seed: int, observe: Observe) -> LatencyTable:
    from spacelang_runtime.export.latency import measured
    from spacelang_runtime.export.latency.correction import fitted

    drawn = _drawn(lowered, FITTED + checked, seed)
    found = measured.measured(lowered, drawn, place, observe)
    real = [timing.median for timing in found.whole]
    alone = {key: timing.median for key, timing in found.blocks.items()}
    line = fitted(alone, drawn[:FITTED], real[:FITTED])
    entries = {key: line.of(key, time) for key, time in alone.items()}
    errors = _errors(entries, drawn[FITTED:], real[FITTED:])
    return LatencyTable(
        lowered.space.name,
        device_of(place),
        place,
        found.runtime,
        entries,
        found.blocks,
        line,
        errors,
        found.busy,
    )


def _drawn(lowered: Lowered, count: int, seed: int) -> list[Architecture]:
    from spacelang.lower.draw import draw, stream

    return [lowered.architecture(one) for one in draw(lowered.chain, count, stream(seed))]


def _errors(
    entries: Mapping[str, float], networks: Sequence[Architecture], real: Sequence[float]
) -> tuple[float, ...]:
    """By which share the sums of blocks are off, of networks that took so long."""
    from spacelang_runtime.search.latency import keys

    foretold = [sum(entries[key] for key in keys(one)) for one in networks]
    return tuple(abs(one / seconds - 1) for one, seconds in zip(foretold, real, strict=True))


def _in_torch(lowered: Lowered, bench: Bench, observe: Observe) -> tuple[Mapping[str, Timing], str]:
    import torch

    from spacelang_runtime.search.latency import measure as timed

    return timed(lowered, bench, observe), f"torch {torch.__version__}"


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


def device_of(where: RuntimeTarget | Bench) -> str:
    """The name of what is timed on."""
    import torch

    from spacelang_runtime.export.latency.target import RuntimeTarget

    if not isinstance(where, RuntimeTarget) and where.device.type == "cuda":
        return torch.cuda.get_device_name(where.device)
    return processor()


def processor() -> str:
    """The name of this machine's processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return named or platform.processor() or platform.machine()


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


def _spread(timing: Timing) -> float:
    return float((timing.high - timing.low) / timing.median)
