"""The blocks of a space and whole networks, timed in a runtime."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs
from attrs import frozen

from spacelang import notation
from spacelang.architecture import Architecture
from spacelang.lower.lowered import Lowered
from spacelang_runtime.export.busy import watch
from spacelang_runtime.export.latency.pieces import made, pieces_of
from spacelang_runtime.export.latency.target import RuntimeTarget, passing
from spacelang_runtime.export.portable.portable import portable
from spacelang_runtime.export.program import example
from spacelang_runtime.nn.network import Network
from spacelang_runtime.search.timing import Pass, Timing, timed

ReportProgress = Callable[[float, str], None]


@frozen
class RuntimeTimings:
    """blocks: the time of every block, by its key. whole: of networks. runtime: its name and version. busy: cores
    that others kept at work while it was timed, where that is known."""

    blocks: dict[str, Timing]
    whole: list[Timing]
    runtime: str
    busy: float | None


def measured(
    lowered: Lowered,
    networks: Sequence[Architecture],
    place: RuntimeTarget,
    report: ReportProgress = lambda share, said: None,
) -> RuntimeTimings:
    """Time every distinct block of a space, and whole networks, in the same rounds. Raises `Failure` where the
    runtime is not installed."""
    by_key = pieces_of(lowered)
    pieces = list(dict.fromkeys(piece for several in by_key.values() for piece in several))
    passes, parts, runtime = {}, {}, ""
    for number, piece in enumerate(pieces, 1):
        module, given, count = made(piece, lowered, place.batch)
        # Beside its own numbers a block depends on its space's frame, and a head on the number of stages.
        name = f"{lowered.space.frame} {len(lowered.legal.stages)} {piece}"
        passes[str(piece)], runtime = passing(name, module, given, place)
        parts[piece] = count
        report(0.3 * number / len(pieces), f"block {number} of {len(pieces)} is loaded")
    passes |= _loaded(networks, place, lambda share, said: report(0.3 + 0.5 * share, said))
    others = watch()
    found = timed(passes, place.bench, lambda share, said: report(0.8 + 0.2 * share, said), 1)
    alone = {piece: _divided(found[str(piece)], count) for piece, count in parts.items()}
    blocks = {key: _sum([alone[piece] for piece in several]) for key, several in by_key.items()}
    return RuntimeTimings(blocks, list(found.values())[len(pieces) :], runtime, others())


def whole(
    networks: Sequence[Architecture], place: RuntimeTarget, report: ReportProgress = lambda share, said: None
) -> list[Timing]:
    """Time whole networks with random weights, as they are exported."""
    passes = _loaded(networks, place, lambda share, said: report(0.7 * share, said))
    return list(timed(passes, place.bench, lambda share, said: report(0.7 + 0.3 * share, said), 1).values())


def _loaded(networks: Sequence[Architecture], place: RuntimeTarget, report: ReportProgress) -> dict[str, Pass]:
    passes = {}
    for number, architecture in enumerate(networks, 1):
        network, name = Network(architecture).eval(), notation.write(architecture)
        loaded, _ = passing(name, portable(network), example(network, None, place.batch), place)
        passes[f"{number} {name}"] = loaded
        report(number / len(networks), f"network {number} of {len(networks)} is loaded")
    return passes


def _divided(timing: Timing, parts: int) -> Timing:
    return Timing(*(value / parts for value in attrs.astuple(timing)))


def _sum(timings: Sequence[Timing]) -> Timing:
    return Timing(*(sum(values) for values in zip(*map(attrs.astuple, timings), strict=True)))
