"""How long the blocks of a space take on the machine at hand, as a table that a search bounds by; and whether it
holds.

Making a table, checking it on networks that run whole, and marking it where it is not to be trusted are one thing.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import mean, median
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from spacelang.architecture import Architecture
    from spacelang.lower.lowered import Lowered
    from spacelang_runtime.export.latency.correction import Correction
    from spacelang_runtime.export.latency.measured import ReferenceNetwork
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
    known. runtime: name and version. marks: why it is not to be trusted. references: the whole networks that it was
    corrected by, which a later timing is compared with."""

    space: str
    device: str
    where: RuntimeTarget | Bench
    runtime: str
    entries: Mapping[str, float]
    timings: Mapping[str, Timing]
    correction: Correction | None
    errors: tuple[float, ...]
    busy: float | None
    references: tuple[ReferenceNetwork, ...] = ()

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
    found = measured.measured(lowered, drawn, place, FITTED, observe)
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
        tuple(map(measured.ReferenceNetwork, drawn[:FITTED], real[:FITTED])),
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


def _spread(timing: Timing) -> float:
    return float((timing.high - timing.low) / timing.median)
