"""How long each block of a space takes on the device at hand: a table that adds up to the latency of a network.

A block (patch embedding, layer, merging, head) is timed as it is in a network: in evaluation, on activations of its
own shape, behind a block of its own kind with other weights, so that it finds its input where a network leaves it
and its weights where they usually are. A layer is timed unshifted and shifted, as layers of a stage alternate; what
counts is the mean of the two.

On a GPU a chain of blocks is captured as one CUDA graph, so that what is measured is the time on the device, as in
deployment, and not how fast Python gives orders. Blocks are measured in rounds, each block once a round: what the
machine does meanwhile (clocks, other work) is spread over all of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from statistics import median, quantiles
from typing import Literal

import torch
from attrs import frozen
from torch import Tensor, nn

from spacelang.architecture import Architecture, Frame, Layer
from spacelang.lower import plan
from spacelang.lower.costs import head_key, layer_key, merge_key, stem_key
from spacelang.lower.lowered import Lowered
from spacelang.lower.plan import LayerShape
from spacelang_runtime.failure import Failure
from spacelang_runtime.model import network
from spacelang_runtime.model.windows import Grid

Precision = Literal["fp32", "bf16", "fp16"]
PRECISIONS: Mapping[Precision, torch.dtype] = {
    "fp32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}
CHAIN = 4  # blocks, each with weights of its own, that are timed as one
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
Report = Callable[[float, str], None]


def measure(lowered: Lowered, bench: Bench, report: Report = lambda share, said: None) -> dict[str, Timing]:
    """The time of every distinct block of a space, by its key in a cost table."""
    made = {}
    for key, block in _blocks(lowered, bench).items():
        with _fitting(key, bench):
            made[key] = block()
    return timed(made, bench, report, CHAIN)


def whole(
    architectures: list[Architecture], bench: Bench, report: Report = lambda share, said: None
) -> list[Timing]:
    """The time of whole networks, each run as it is deployed."""
    made = {}
    for number, architecture in enumerate(architectures):
        frame = architecture.frame
        with _fitting(architecture.name, bench), torch.device(bench.device):
            model = network.Network(architecture).eval().to(bench.dtype)
            made[str(number)] = _pass(model, _noise(bench, frame.channels, frame.image, frame.image))
    return list(timed(made, bench, report, 1).values())


def timed(passes: Mapping[str, Pass], bench: Bench, report: Report, parts: int) -> dict[str, Timing]:
    """The time of each pass, divided by its equal parts. Each is run once to be warm before any is timed."""
    fresh: dict[str, float] = {}
    ready: dict[str, Callable[[], float]] = {}
    pool = None
    if bench.device.type == "cuda":
        torch.cuda.set_device(bench.device)
        pool = torch.cuda.graph_pool_handle()
    with torch.inference_mode():
        for number, (name, run) in enumerate(passes.items(), 1):
            with _fitting(name, bench):
                fresh[name] = _clocked(run, bench.device)
                ready[name] = _repeated(_captured(run, bench.device, pool), bench.device)
            report(0.3 * number / len(passes), "warming up")
        found: dict[str, list[float]] = {name: [] for name in passes}
        for number in range(bench.rounds):
            for name, once in ready.items():
                found[name].append(once())
            report(0.3 + 0.7 * (number + 1) / bench.rounds, f"round {number + 1} of {bench.rounds}")
    return {name: _timing(fresh[name] / parts, [time / parts for time in found[name]]) for name in passes}


@contextmanager
def _fitting(name: str, bench: Bench) -> Iterator[None]:
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


def _timing(fresh: float, times: list[float]) -> Timing:
    low, _, high = quantiles(times, n=4, method="inclusive") if len(times) > 1 else (times[0],) * 3
    return Timing(fresh, median(times), low, high)


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


def _blocks(lowered: Lowered, bench: Bench) -> dict[str, Callable[[], Pass]]:
    """Every distinct block of a space, by key: what makes a chain of `CHAIN` of it, ready to run."""
    frame, stages = lowered.space.frame, lowered.legal.stages
    found: dict[str, Callable[[], Pass]] = {}
    last = len(stages)
    for number, cells in enumerate(stages, 1):
        for cell in cells:
            if number == 1:
                found[stem_key(cell.embed)] = lambda embed=cell.embed: _stem(frame, embed, bench)
            if number == last:
                found[head_key(cell.embed)] = lambda embed=cell.embed: _head(frame, last, embed, bench)
            for layer in cell.options:
                found[layer_key(number, cell.embed, layer)] = lambda number=number, embed=cell.embed, layer=layer: (
                    _layer(frame, number - 1, embed, layer, bench)
                )
    for number, links in enumerate(lowered.legal.links, 1):
        for i, j in sorted(links):
            widths = stages[number - 1][i].embed, stages[number][j].embed
            found[merge_key(number + 1, *widths)] = lambda number=number, widths=widths: _merge(
                frame, number, *widths, bench
            )
    return found


def _stem(frame: Frame, embed: int, bench: Bench) -> Pass:
    images = _noise(bench, frame.channels, frame.image, frame.image)
    joined = frame.token == "class" or "absolute" in frame.position
    chain = []
    for _ in range(CHAIN):
        patches = _made(network.Patches, bench, plan.stem(frame, embed))
        tokens = _made(network.Joined, bench, plan.tokens(frame, embed)) if joined else None
        chain.append((patches, tokens))

    def run() -> None:
        for patches, tokens in chain:
            x, grid = patches(images)
            if tokens is not None:
                tokens(x, grid)

    return run


def _layer(frame: Frame, stage: int, embed: int, layer: Layer, bench: Bench) -> Pass:
    shape = LayerShape(layer.heads, layer.qkv, layer.head_width, int(layer.mlp * embed), layer.window)
    x, grid = _tokens(frame, stage, embed, bench)
    blocks = [plan.block(frame, stage, index, embed, shape) for index in range(CHAIN)]
    chain = [_made(network.Layer, bench, block) for block in blocks]

    def run() -> Tensor:
        y = x
        for module in chain:
            y = module(y, grid)
        return y

    return run


def _merge(frame: Frame, stage: int, embed: int, out: int, bench: Bench) -> Pass:
    x, grid = _tokens(frame, stage - 1, embed, bench)
    chain = [_made(network.Merging, bench, plan.merge(frame, stage, embed, out)) for _ in range(CHAIN)]

    def run() -> None:
        for module in chain:
            module(x, grid)

    return run


def _head(frame: Frame, stages: int, embed: int, bench: Bench) -> Pass:
    x, _ = _tokens(frame, stages - 1, embed, bench)
    chain = [_made(network.Classifier, bench, plan.head(frame, stages, embed), frame) for _ in range(CHAIN)]

    def run() -> None:
        for module in chain:
            module(x)

    return run


def _tokens(frame: Frame, stage: int, embed: int, bench: Bench) -> tuple[Tensor, Grid]:
    side = frame.side(stage)
    token = frame.token == "class"
    return _noise(bench, side * side + token, embed), (side, side)


def _made(kind: Callable[..., nn.Module], bench: Bench, *blueprint: object) -> nn.Module:
    with torch.device(bench.device):
        return kind(*blueprint).eval().to(bench.dtype)


@cache  # blocks that read the same shape read the same numbers, so that all fit into memory at once
def _noise(bench: Bench, *shape: int) -> Tensor:
    return torch.randn(bench.batch, *shape, device=bench.device, dtype=bench.dtype)


def _pass(model: nn.Module, images: Tensor) -> Pass:
    return lambda: model(images)


def added(table: Mapping[str, Timing], architecture: Architecture) -> float:
    """The latency that a table gives a network, in seconds: the sum over its blocks."""
    return sum(table[key].median for key in keys(architecture))


def keys(architecture: Architecture) -> Iterator[str]:
    """The key of every block of a network, in order."""
    before = 0
    for number, stage in enumerate(architecture.stages, 1):
        yield stem_key(stage.embed) if number == 1 else merge_key(number, before, stage.embed)
        for layer in stage.layers:
            yield layer_key(number, stage.embed, layer)
        before = stage.embed
    yield head_key(before)
