"""A network is a slice of its supernet: the same numbers, and the gradient in the slice alone."""

from __future__ import annotations

import copy
import random

import pytest
import torch
from attrs import evolve
from networks import AWKWARD, draw, shipped, stirred
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from spacelang.architecture import Architecture
from spacelang.lower.lowered import Lowered, lower
from spacelang_runtime.nn.drop_path import skipping
from spacelang_runtime.nn.extract import extract
from spacelang_runtime.nn.network import Network
from spacelang_runtime.nn.supernet import Supernet


def supernet(lowered: Lowered, dtype: torch.dtype = torch.float32) -> Supernet:
    torch.manual_seed(0)
    return stirred(Supernet(lowered.space.frame, lowered.plan)).to(dtype)


def images(lowered: Lowered, dtype: torch.dtype = torch.float32, side: int | None = None) -> torch.Tensor:
    frame = lowered.space.frame
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, frame.channels, side or frame.image, side or frame.image, generator=generator).to(dtype)


@pytest.mark.parametrize(("dtype", "share"), [(torch.float32, 1e-5), (torch.float64, 1e-12)])
@pytest.mark.parametrize("name", AWKWARD)
def test_the_extracted_network_gives_the_logits_of_the_slice(name: str, dtype: torch.dtype, share: float) -> None:
    lowered = lower(AWKWARD[name])
    model = supernet(lowered, dtype).eval()
    rng = random.Random(2)
    for architecture in (draw(lowered, rng) for _ in range(20)):
        with torch.inference_mode():
            slice_ = model(images(lowered, dtype), architecture)
            alone = extract(model, architecture)(images(lowered, dtype))
        assert (slice_ - alone).abs().max() <= share * slice_.abs().max()


@pytest.mark.parametrize("side", [36, 60])
def test_supernet_and_network_agree_at_another_image_size(side: int) -> None:
    for name in AWKWARD:
        lowered = lower(AWKWARD[name])
        model = supernet(lowered, torch.float64).eval()
        architecture = lowered.largest
        with torch.inference_mode():
            slice_ = model(images(lowered, torch.float64, side), architecture)
            alone = extract(model, architecture)(images(lowered, torch.float64, side))
        assert (slice_ - alone).abs().max() <= 1e-12 * slice_.abs().max()


def test_an_extracted_network_has_weights_of_its_own() -> None:
    lowered = lower(AWKWARD["pyramid"])
    model = supernet(lowered).eval()
    network = extract(model, lowered.largest)
    before = network(images(lowered))
    stirred(model, seed=5)
    assert torch.equal(network(images(lowered)), before)


@pytest.mark.parametrize("name", AWKWARD)
def test_the_gradient_is_that_of_the_network_and_reaches_its_slice_alone(name: str) -> None:
    """Every weight outside the slice is NaN meanwhile, so none of them is even read."""
    lowered = lower(AWKWARD[name])
    x = images(lowered, torch.float64)
    rng = random.Random(3)
    for architecture in (draw(lowered, rng) for _ in range(5)):
        model = supernet(lowered, torch.float64)
        network = extract(model, architecture)
        found = places(model, architecture)
        inside = torch.cat([place.flatten() for place in found.values()])
        assert len(inside.unique()) == len(inside), "two weights of a network share one of the supernet"
        weights = parameters_to_vector(model.parameters())
        outside = torch.ones(len(weights), dtype=torch.bool)
        outside[inside] = False
        vector_to_parameters(weights.detach().masked_fill(outside, float("nan")), model.parameters())

        model(x, architecture).square().sum().backward()
        network(x).square().sum().backward()
        gradient = torch.cat(
            [torch.zeros_like(p).flatten() if p.grad is None else p.grad.flatten() for p in model.parameters()]
        )
        assert (gradient[outside] == 0).all()
        for key, parameter in network.named_parameters():
            torch.testing.assert_close(gradient[found[key]], parameter.grad, rtol=1e-9, atol=1e-9, msg=key)


def places(model: Supernet, architecture: Architecture) -> dict[str, torch.Tensor]:
    """Where each weight of a network lies among all weights of the supernet, numbered one after the other."""
    numbered = copy.deepcopy(model)
    count = sum(parameter.numel() for parameter in model.parameters())
    vector_to_parameters(torch.arange(count, dtype=torch.float64), numbered.parameters())
    return {key: tensor.long() for key, tensor in extract(numbered, architecture).state_dict().items()}


def test_slices_are_prefixes_and_the_centre_of_the_bias_table() -> None:
    lowered = lower(AWKWARD["pyramid"])
    model = supernet(lowered)
    architecture = lowered.smallest
    layer, embed = architecture.stages[0].layers[0], architecture.stages[0].embed
    network = extract(model, architecture)
    ours, theirs = network.stages[0].layers[0].attention, model.stages[0].layers[0]
    for index in range(3):
        part = ours.qkv.weight[index * layer.qkv : (index + 1) * layer.qkv]
        assert torch.equal(part, theirs.qkv_weight[index, : layer.qkv, :embed])
    middle = theirs.bias.shape[1] // 2
    around = slice(middle - layer.window + 1, middle + layer.window)
    assert torch.equal(ours.bias, theirs.bias[: layer.heads, around, around])
    merge = network.stages[1].merge.reduce.weight.view(-1, 4, embed)
    assert torch.equal(merge, model.stages[1].merge.weight[: architecture.stages[1].embed, :, :embed])


def test_the_largest_network_uses_its_weights_without_a_copy() -> None:
    lowered = shipped("s3_tiny")
    with torch.device("meta"):
        model = Supernet(lowered.space.frame, lowered.plan)
    own = set(model.parameters())
    assert all(tensor in own or tensor._base in own for tensor in model.slices(lowered.largest).values())


def test_drop_path_keeps_the_expectation_and_drops_whole_samples() -> None:
    torch.manual_seed(0)
    x = torch.ones(20000, 2, 3)
    dropped = skipping(x, 0.3)
    per_sample = dropped.flatten(1)
    assert (per_sample == per_sample[:, :1]).all()
    assert sorted(set(per_sample[:, 0].tolist())) == pytest.approx([0, 1 / 0.7])
    # Five standard deviations of the mean of 20 000 draws of 0 or 1/0.7.
    assert abs(dropped.mean().item() - 1) < 5 * (0.3 / 0.7 / 20000) ** 0.5


def test_drop_path_rises_linearly_over_the_layers_that_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    lowered = lower(AWKWARD["pyramid"])
    model = supernet(lowered).train()
    architecture = lowered.largest
    depth = architecture.depth
    chances: list[float] = []

    def watched(x: torch.Tensor, chance: float, part: None) -> torch.Tensor:
        chances.append(chance)
        return skipping(x, chance)

    monkeypatch.setattr("spacelang_runtime.nn.elastic.skipping", watched)
    model(images(lowered), architecture, drop_path=0.5)
    assert chances == pytest.approx(
        [0.5 * layer / (depth - 1) for layer in range(depth) for _ in ("attention", "mlp")]
    )
    chances.clear()
    model.eval()(images(lowered), architecture, drop_path=0.5)
    assert set(chances) == {0.0}


def with_layer(architecture: Architecture, stage: int, **changes: object) -> Architecture:
    """The architecture with another first layer in a stage."""
    stages = list(architecture.stages)
    first, *rest = stages[stage].layers
    stages[stage] = evolve(stages[stage], layers=(evolve(first, **changes), *rest))
    return evolve(architecture, stages=tuple(stages))


def test_what_does_not_fit_is_named() -> None:
    lowered = lower(AWKWARD["pyramid with all positions"])
    model = supernet(lowered)
    good = lowered.largest
    first, second, third = good.stages
    deeper = evolve(second, layers=second.layers * 2)
    cases = {
        "stage 2, layer 1: heads is 6": with_layer(good, 1, heads=6, qkv=18),
        "stage 1, layer 1: qkv is 26": with_layer(good, 0, qkv=26, heads=2),
        "stage 2, layer 1: qkv / heads is 18": with_layer(good, 1, heads=1, qkv=18),
        "stage 3, layer 1: mlp · embed is 48": with_layer(good, 2, mlp=3),
        "stage 2, layer 1: window is global": with_layer(good, 1, window="global"),
        "stage 3, layer 1: window is 9": with_layer(good, 2, window=9),
        "stage 2: embed is 21": evolve(good, stages=(first, evolve(second, embed=21), third)),
        "stage 2: depth is 4": evolve(good, stages=(first, deeper, third)),
        "the architecture has 1 stages": evolve(good, stages=(first,)),
        "classes of the architecture is 7": evolve(good, frame=evolve(good.frame, classes=7)),
    }
    for message, architecture in cases.items():
        with pytest.raises(ValueError, match=message):
            model(images(lowered), architecture)


def test_images_that_are_not_whole_patches_are_refused() -> None:
    lowered = lower(AWKWARD["column"])
    for model in (Network(lowered.largest), lambda x: supernet(lowered)(x, lowered.largest)):
        with pytest.raises(ValueError, match="22×22 pixels are not whole patches of 4×4"):
            model(images(lowered, side=22))


def test_both_learn_under_bf16_autocast() -> None:
    for name in ("pyramid with all positions", "column"):
        lowered = lower(AWKWARD[name])
        model = supernet(lowered)
        with torch.autocast("cpu", torch.bfloat16):
            coarse = model(images(lowered), lowered.largest)
        fine = model(images(lowered), lowered.largest)
        coarse.float().sum().backward()
        assert all(parameter.grad is not None for parameter in model.parameters())
        assert torch.allclose(coarse.float(), fine, atol=0.1 * fine.abs().max().item())


def test_weight_decay_is_for_kernels_and_matrices() -> None:
    """What decays is what multiplies tokens, in the supernet as in a network of it."""
    for name in AWKWARD:
        lowered = lower(AWKWARD[name])
        network, model = Network(lowered.largest), supernet(lowered)
        matrices = {
            key for key, tensor in network.named_parameters() if key.endswith("weight") and tensor.dim() > 1
        }
        assert network.no_weight_decay() == {key for key, _ in network.named_parameters()} - matrices
        free = model.no_weight_decay()
        decaying = sum(tensor.numel() for key, tensor in model.named_parameters() if key not in free)
        slices = model.slices(lowered.largest)
        if sum(map(torch.numel, slices.values())) == sum(map(torch.numel, model.parameters())):
            assert decaying == sum(slices[key].numel() for key in matrices)


def test_networks_compile_and_export_whole() -> None:
    lowered = lower(AWKWARD["pyramid with all positions"])
    network = Network(lowered.largest).eval()
    x = images(lowered)
    with torch.no_grad():
        expected = network(x)
        compiled = torch.compile(network, backend="eager", fullgraph=True)(x)
        exported = torch.export.export(network, (x,), strict=False).module()(x)
        torch.testing.assert_close(compiled, expected)
        torch.testing.assert_close(exported, expected)
        assert torch.equal(network(x), expected)


@pytest.mark.parametrize("drop_path", [0.0, 0.5])
def test_checkpointing_keeps_less_and_changes_no_gradient(drop_path: float) -> None:
    lowered = lower(AWKWARD["pyramid"])
    model = supernet(lowered, torch.float64).train()
    gradients, sizes = [], []
    for model.checkpointing in (False, True):
        model.zero_grad()
        torch.manual_seed(3)
        kept: dict[int, int] = {}

        def keep(tensor: torch.Tensor, kept: dict[int, int] = kept) -> torch.Tensor:
            kept[tensor.data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            logits = model(images(lowered, torch.float64), lowered.largest, drop_path)
        sizes.append(sum(kept.values()))
        logits.square().sum().backward()
        gradients.append([parameter.grad for parameter in model.parameters()])
    assert sizes[1] < sizes[0] / 2
    assert all(torch.equal(plain, anew) for plain, anew in zip(*gradients, strict=True))
