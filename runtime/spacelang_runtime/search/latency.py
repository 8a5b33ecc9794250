"""How long each block of a space takes on the device at hand: a table that adds up to the latency of a network.

A block (patch embedding, layer, merging, head) is timed as it is in a network: in evaluation, on activations of its
own shape, behind a block of its own kind with other weights, so that it finds its input where a network leaves it
and its weights where they usually are. A layer is timed unshifted and shifted, as layers of a stage alternate; what
counts is the mean of the two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache

import torch
from torch import Tensor, nn

from spacelang.architecture import Architecture, Frame, Layer
from spacelang.lower import plan
from spacelang.lower.costs import head_key, layer_key, merge_key, stem_key
from spacelang.lower.lowered import Lowered
from spacelang_runtime.nn import network
from spacelang_runtime.ops.windows import Grid
from spacelang_runtime.search.timing import Bench, Pass, ReportProgress, Timing, fitting, timed

CHAIN = 4  # blocks, each with weights of its own, that are timed as one


def measure(lowered: Lowered, bench: Bench, report: ReportProgress = lambda share, said: None) -> dict[str, Timing]:
    """The time of every distinct block of a space, by its key in a cost table."""
    made = {}
    for key, block in _blocks(lowered, bench).items():
        with fitting(key, bench):
            made[key] = block()
    return timed(made, bench, report, CHAIN)


def whole(
    architectures: list[Architecture], bench: Bench, report: ReportProgress = lambda share, said: None
) -> list[Timing]:
    """The time of whole networks, each run as it is deployed."""
    made = {}
    for number, architecture in enumerate(architectures):
        frame = architecture.frame
        with fitting(architecture.name, bench), torch.device(bench.device):
            model = network.Network(architecture).eval().to(bench.dtype)
            made[str(number)] = _pass(model, _noise(bench, frame.channels, frame.image, frame.image))
    return list(timed(made, bench, report, 1).values())


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
        patches = _made(network.PatchEmbed, bench, plan.stem(frame, embed))
        tokens = _made(network.PositionEmbedding, bench, plan.tokens(frame, embed)) if joined else None
        chain.append((patches, tokens))

    def run() -> None:
        for patches, tokens in chain:
            x, grid = patches(images)
            if tokens is not None:
                tokens(x, grid)

    return run


def _layer(frame: Frame, stage: int, embed: int, layer: Layer, bench: Bench) -> Pass:
    shape = plan.shape(embed, layer)
    x, grid = _tokens(frame, stage, embed, bench)
    blocks = [plan.block(frame, stage, index, embed, shape) for index in range(CHAIN)]
    chain = [_made(network.TransformerLayer, bench, block) for block in blocks]

    def run() -> Tensor:
        y = x
        for module in chain:
            y = module(y, grid)
        return y

    return run


def _merge(frame: Frame, stage: int, embed: int, out: int, bench: Bench) -> Pass:
    x, grid = _tokens(frame, stage - 1, embed, bench)
    chain = [_made(network.PatchMerging, bench, plan.merge(frame, stage, embed, out)) for _ in range(CHAIN)]

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
