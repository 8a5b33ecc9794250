"""What a network gives a detector or a segmenter: a map a stage, at any image size."""

from __future__ import annotations

import random
from math import ceil

import pytest
import torch
from attrs import evolve
from networks import AWKWARD, draw, shipped, stirred

from spacelang.architecture import Architecture
from spacelang.lower.lowered import lower
from spacelang_runtime.nn.network import Network, as_map


def network(name: str, seed: int = 0) -> Network:
    return stirred(Network(draw(lower(AWKWARD[name]), random.Random(seed)))).eval()


@pytest.mark.parametrize("size", [None, (33, 57), (5, 100)])
@pytest.mark.parametrize("name", AWKWARD)
def test_there_is_a_map_for_every_channel_count_and_stride(name: str, size: tuple[int, int] | None) -> None:
    model = network(name)
    frame = model.architecture.frame
    height, width = size or (frame.image, frame.image)
    maps = model.features(torch.randn(2, frame.channels, height, width))
    assert [tuple(found.shape) for found in maps] == [
        (2, channels, ceil(height / stride), ceil(width / stride))
        for channels, stride in zip(model.channels, model.strides, strict=True)
    ]
    assert all(found.isfinite().all() for found in maps)


@pytest.mark.parametrize("name", AWKWARD)
def test_the_logits_follow_from_the_last_map(name: str) -> None:
    model = network(name).double()
    frame = model.architecture.frame
    images = torch.randn(2, frame.channels, frame.image, frame.image, dtype=torch.float64)
    tokens, grid, _ = model.encode(images)
    last = model.features(images)[-1]
    assert torch.equal(last, as_map(tokens, grid))
    if frame.pool == "mean":
        mean = model.head.norm(last.flatten(2).transpose(1, 2)).mean(1)
        torch.testing.assert_close(model.head.classify(mean), model(images))


def test_each_stage_gives_its_last_layer() -> None:
    model = network("pyramid")
    seen: list[torch.Tensor] = []
    for stage in model.stages:
        stage.layers[-1].register_forward_hook(lambda _, __, out: seen.append(out))
    maps = model.features(torch.randn(1, 3, 52, 52))
    assert model.strides == (4, 8, 16)
    for found, tokens in zip(maps, seen, strict=True):
        assert torch.equal(found.flatten(2).transpose(1, 2), tokens)


def depth(layers: int) -> Architecture:
    found = lower(AWKWARD["column"]).largest
    (stage,) = found.stages
    return evolve(found, stages=(evolve(stage, layers=(stage.layers[0],) * layers),))


@pytest.mark.parametrize(
    ("layers", "taken"), [(12, [3, 6, 9, 12]), (13, [4, 7, 10, 13]), (4, [1, 2, 3, 4]), (2, [1, 2]), (1, [1])]
)
def test_a_single_stage_gives_four_layers_at_even_distances(layers: int, taken: list[int]) -> None:
    model = Network(depth(layers))
    assert [(stage, layer + 1) for stage, layer in model.taps] == [(0, layer) for layer in taken]
    assert model.strides == (4,) * len(taken)


def test_a_taken_model_has_the_widths_of_the_released_one() -> None:
    with torch.device("meta"):
        model = Network(shipped("s3_tiny").largest)
    assert model.channels == (96, 192, 384, 768)
    assert model.strides == (4, 8, 16, 32)


@pytest.mark.parametrize("name", ["pyramid", "column"])
def test_checkpointing_changes_no_gradient(name: str) -> None:
    model = network(name).double().train()
    frame = model.architecture.frame
    images = torch.randn(2, frame.channels, frame.image, frame.image, dtype=torch.float64)
    gradients = []
    for model.checkpointing in (False, True):
        model.zero_grad()
        model(images).square().sum().backward()
        gradients.append([parameter.grad for parameter in model.parameters()])
    assert all(torch.equal(plain, anew) for plain, anew in zip(*gradients, strict=True))


def test_drop_path_rises_with_the_layers_and_keeps_the_mean() -> None:
    architecture = depth(5)
    model = stirred(Network(architecture, drop_path=0.4)).double()
    assert [layer.drop for layer in model.stages[0].layers] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    x = torch.ones(20_000, 1, 1, dtype=torch.float64)
    deepest = model.stages[0].layers[-1].train()
    found = deepest.skipped(x)
    assert found.unique().tolist() == pytest.approx([0, 1 / 0.6])
    assert found.mean() == pytest.approx(1.0, abs=0.03)
    assert torch.equal(deepest.eval().skipped(x), x)
