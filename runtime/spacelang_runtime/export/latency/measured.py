"""The blocks of a space and whole networks, timed in a runtime."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log
from statistics import median

import attrs
from attrs import frozen

from spacelang import notation
from spacelang.architecture import Architecture
from spacelang.lower.lowered import Lowered
from spacelang_runtime.export.busy import watch
from spacelang_runtime.export.latency.drift import SteadyTiming, steadied
from spacelang_runtime.export.latency.pieces import made, pieces_of
from spacelang_runtime.export.latency.target import RuntimeTarget, passing
from spacelang_runtime.export.portable.portable import portable
from spacelang_runtime.export.program import example
from spacelang_runtime.nn.network import Network
from spacelang_runtime.search.timing import Pass, Timing, rounds_of, timed

ReportProgress = Callable[[float, str], None]

BESIDE = 6  # reference networks that one runs by turns with
LOADS = 5  # of a network that is judged: what they differ by is known with four degrees of freedom
REFERENCE_LOADS = 2  # of each reference, then and now: their median is over all references besides


@frozen
class ReferenceNetwork:
    """A whole network that a table was fitted to, and the seconds that it took in the table's measurement."""

    architecture: Architecture
    seconds: float


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
    references: int,
    report: ReportProgress = lambda share, said: None,
) -> RuntimeTimings:
    """Time every distinct block of a space, and whole networks, in the same rounds. references: how many of the
    networks, the first, others will be compared with: each is timed in several loads. Raises `Failure` where the
    runtime is not installed."""
    by_key = pieces_of(lowered)
    pieces = list(dict.fromkeys(piece for several in by_key.values() for piece in several))
    passes, parts, runtime = {}, {}, ""
    for number, piece in enumerate(pieces, 1):
        module, given, count = made(piece, lowered, place.batch)
        # Beside its own numbers a block depends on its space's frame, and a head on the number of stages.
        name = f"{lowered.space.frame} {len(lowered.legal.stages)} {piece}"
        (passes[str(piece)],), runtime = passing(name, module, given, place)
        parts[piece] = count
        report(0.3 * number / len(pieces), f"block {number} of {len(pieces)} is loaded")
    loads = [REFERENCE_LOADS if number < references else 1 for number in range(len(networks))]
    passes |= _loaded(networks, loads, place, lambda share, said: report(0.3 + 0.5 * share, said))
    others = watch()
    timings = timed(passes, place.bench, lambda share, said: report(0.8 + 0.2 * share, said), 1)
    alone = {piece: _divided(timings[str(piece)], count) for piece, count in parts.items()}
    blocks = {key: _sum([alone[piece] for piece in several]) for key, several in by_key.items()}
    return RuntimeTimings(blocks, _by_network(list(timings.values())[len(pieces) :], loads), runtime, others())


def whole(
    networks: Sequence[Architecture], place: RuntimeTarget, report: ReportProgress = lambda share, said: None
) -> list[Timing]:
    """Time whole networks with random weights, as they are exported."""
    loads = [1] * len(networks)
    passes = _loaded(networks, loads, place, lambda share, said: report(0.7 * share, said))
    return list(timed(passes, place.bench, lambda share, said: report(0.7 + 0.3 * share, said), 1).values())


def beside(references: Sequence[ReferenceNetwork], place: RuntimeTarget) -> Callable[[Architecture], SteadyTiming]:
    """What times a network in several loads, by turns with reference networks, which are loaded once."""
    loads = [REFERENCE_LOADS] * len(references)
    theirs = _loaded([one.architecture for one in references], loads, place, lambda share, said: None)

    def time(architecture: Architecture) -> SteadyTiming:
        own = _loaded([architecture], [LOADS], place, lambda share, said: None)
        # Names of networks may be the same: it may be one of the references.
        passes = {f"own {name}": run for name, run in own.items()} | theirs
        rounds = [one.times for one in rounds_of(passes, place.bench, lambda share, said: None).values()]
        others = (rounds[at : at + REFERENCE_LOADS] for at in range(LOADS, len(rounds), REFERENCE_LOADS))
        known = (one.seconds for one in references)
        return steadied(rounds[:LOADS], list(zip(known, others, strict=True)))

    return time


def nearest(references: Sequence[ReferenceNetwork], seconds: float) -> list[ReferenceNetwork]:
    """Of these the few whose latency is most like a given one."""
    return sorted(references, key=lambda one: abs(log(one.seconds / seconds)))[:BESIDE]


def _loaded(
    networks: Sequence[Architecture], loads: Sequence[int], place: RuntimeTarget, report: ReportProgress
) -> dict[str, Pass]:
    """Passes of each network, in so many loads each, one network after the other."""
    passes = {}
    for number, (architecture, count) in enumerate(zip(networks, loads, strict=True), 1):
        network, name = Network(architecture).eval(), notation.write(architecture)
        several, _ = passing(name, portable(network), example(network, None, place.batch), place, count)
        passes |= {f"{number} {name} load {load}": one for load, one in enumerate(several, 1)}
        report(number / len(networks), f"network {number} of {len(networks)} is loaded")
    return passes


def _by_network(timings: Sequence[Timing], loads: Sequence[int]) -> list[Timing]:
    """Of each network the medians over its loads."""
    each = iter(timings)
    return [
        Timing(*map(median, zip(*(attrs.astuple(next(each)) for _ in range(count)), strict=True)))
        for count in loads
    ]


def _divided(timing: Timing, parts: int) -> Timing:
    return Timing(*(value / parts for value in attrs.astuple(timing)))


def _sum(timings: Sequence[Timing]) -> Timing:
    return Timing(*(sum(values) for values in zip(*map(attrs.astuple, timings), strict=True)))
