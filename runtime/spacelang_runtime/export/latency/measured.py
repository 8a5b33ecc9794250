"""The blocks of a space and whole networks, timed in a runtime."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs
from attrs import frozen

from spacelang.architecture import Architecture
from spacelang.lower.lowered import Lowered
from spacelang_runtime.export.latency.pieces import Piece, made, pieces_of
from spacelang_runtime.export.latency.place import Place, passing
from spacelang_runtime.export.portable.portable import portable
from spacelang_runtime.export.program import example
from spacelang_runtime.nn.network import Network
from spacelang_runtime.search.timing import Timing, timed

Report = Callable[[float, str], None]


@frozen
class Blocks:
    """The time of every block, by its key. runtime: its name and version."""

    timings: dict[str, Timing]
    runtime: str


def blocks(lowered: Lowered, place: Place, report: Report = lambda share, said: None) -> Blocks:
    """Time every distinct block of a space. Raises `Failure` where the runtime is not installed."""
    by_key = pieces_of(lowered)
    pieces = list(dict.fromkeys(piece for several in by_key.values() for piece in several))
    passes, parts, runtime = {}, {}, ""
    for number, piece in enumerate(pieces, 1):
        module, given, count = made(piece, lowered, place.batch)
        passes[str(number)], runtime = passing(module, given, place)
        parts[str(number)] = count
        report(0.7 * number / len(pieces), f"block {number} of {len(pieces)} is loaded")
    found = timed(passes, place.bench, lambda share, said: report(0.7 + 0.3 * share, said), 1)
    alone: dict[Piece, Timing] = {
        piece: _divided(found[str(number)], parts[str(number)]) for number, piece in enumerate(pieces, 1)
    }
    return Blocks({key: _sum([alone[piece] for piece in several]) for key, several in by_key.items()}, runtime)


def whole(
    networks: Sequence[Architecture], place: Place, report: Report = lambda share, said: None
) -> list[Timing]:
    """Time whole networks with random weights, as they are exported."""
    passes = {}
    for number, architecture in enumerate(networks):
        network = Network(architecture).eval()
        passes[str(number)], _ = passing(portable(network), example(network, None, place.batch), place)
        report(0.7 * (number + 1) / len(networks), f"network {number + 1} of {len(networks)} is loaded")
    found = timed(passes, place.bench, lambda share, said: report(0.7 + 0.3 * share, said), 1)
    return list(found.values())


def _divided(timing: Timing, parts: int) -> Timing:
    return Timing(*(value / parts for value in attrs.astuple(timing)))


def _sum(timings: Sequence[Timing]) -> Timing:
    return Timing(*(sum(values) for values in zip(*map(attrs.astuple, timings), strict=True)))
