"""How long a pass takes on the device at hand.

On a GPU a pass is captured as a CUDA graph, so that what is measured is the time on the device, as in deployment,
and not how fast Python gives orders. Passes are timed in rounds, each once a round: what the machine does meanwhile
(clocks, other work) is spread over all of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from statistics import median, quantiles
from typing import Literal

import torch
from attrs import frozen

from spacelang_runtime.failure import Failure

Precision = Literal["fp32", "bf16", "fp16"]
PRECISIONS: Mapping[Precision, torch.dtype] = {
    "fp32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}
LEAST = 0.002  # seconds that one timing takes at least: shorter ones are repeated


@frozen
class Timing:
    """How long one pass takes, in seconds. fresh: the very first. median, low, high: of the rounds after it, with
    their quartiles."""

    fresh: float
    median: float
    low: float
    high: float


@frozen
class TimedRounds:
    """Seconds of a pass. fresh: the very first. times: of each round after it; passes that are timed together have
    their rounds together."""

    fresh: float
    times: tuple[float, ...]


@frozen
class Bench:
    """Where and how things are timed. batch: images in a pass. rounds: timings of each block."""

    device: torch.device
    precision: Precision
    batch: int
    rounds: int = 9

    @property
    def dtype(self) -> torch.dtype:
        return PRECISIONS[self.precision]


Pass = Callable[[], object]
ReportProgress = Callable[[float, str], None]


def timed(passes: Mapping[str, Pass], bench: Bench, report: ReportProgress, parts: int) -> dict[str, Timing]:
    """The time of each pass, divided by its equal parts. Each is run once to be warm before any is timed."""
    return {name: summary(one, parts) for name, one in rounds_of(passes, bench, report).items()}


def rounds_of(passes: Mapping[str, Pass], bench: Bench, report: ReportProgress) -> dict[str, TimedRounds]:
    """Each pass timed in rounds, by turns. Each is run once to be warm before any is timed."""
    fresh: dict[str, float] = {}
    ready: dict[str, Callable[[], float]] = {}
    pool = None
    if bench.device.type == "cuda":
        torch.cuda.set_device(bench.device)
        pool = torch.cuda.graph_pool_handle()
    with torch.inference_mode():
        for number, (name, run) in enumerate(passes.items(), 1):
            with fitting(name, bench):
                fresh[name] = _clocked(run, bench.device)
                ready[name] = _repeated(_captured(run, bench.device, pool), bench.device)
            report(0.3 * number / len(passes), "warming up")
        times: dict[str, list[float]] = {name: [] for name in passes}
        for number in range(bench.rounds):
            for name, once in ready.items():
                times[name].append(once())
            report(0.3 + 0.7 * (number + 1) / bench.rounds, f"round {number + 1} of {bench.rounds}")
    return {name: TimedRounds(fresh[name], tuple(times[name])) for name in passes}


def summary(rounds: TimedRounds, parts: int = 1) -> Timing:
    """The median of some rounds and their quartiles, of one of so many equal parts."""
    times = [time / parts for time in rounds.times]
    low, _, high = quantiles(times, n=4, method="inclusive") if len(times) > 1 else (times[0],) * 3
    return Timing(rounds.fresh / parts, median(times), low, high)


@contextmanager
def fitting(name: str, bench: Bench) -> Iterator[None]:
    """Raises `Failure` where what happens inside, with the block or network of that name, finds no more memory."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        # torch has an exception of its own for GPUs only.
        if isinstance(error, RuntimeError) and not (
            isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)
        ):
            raise
        raise Failure(
            f"memory does not hold {name} with {bench.batch} images at a time", "measure a smaller --batch"
        ) from None


def _clocked(run: Pass, device: torch.device) -> float:
    _settle(device)
    began = time.perf_counter()
    run()
    _settle(device)
    return time.perf_counter() - began


def _settle(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _captured(run: Pass, device: torch.device, pool: object) -> Pass:
    """The pass as a CUDA graph, on a GPU. pool: of memory, shared by graphs of which one runs at a time."""
    if device.type != "cuda":
        return run
    stream = torch.cuda.Stream(device)
    stream.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(stream):
        for _ in range(3):
            run()
    torch.cuda.current_stream(device).wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, pool=pool):
        run()
    return graph.replay


def _repeated(run: Pass, device: torch.device) -> Callable[[], float]:
    """A timing of the pass, in seconds a pass, over as many passes as take `LEAST` together."""
    once = min(_clocked(run, device) for _ in range(2))
    times = max(1, round(LEAST / max(once, 1e-7)))

    def timing() -> float:
        if device.type != "cuda":
            began = time.perf_counter()
            for _ in range(times):
                run()
            return (time.perf_counter() - began) / times
        before, after = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        run()  # the device is at work when the clock starts: what follows is in its queue in time
        before.record()
        for _ in range(times):
            run()
        after.record()
        after.synchronize()
        return before.elapsed_time(after) / 1000 / times

    return timing
