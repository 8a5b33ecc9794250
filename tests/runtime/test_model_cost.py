"""What the compiler says a network costs is what the network has and does."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import pytest
import torch
from networks import AWKWARD, SHIPPED, draw, shipped
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode, flop_registry

from spacelang.architecture import Architecture, Frame, Layer, Stage
from spacelang.expression import exact
from spacelang.lower.cost import Cost, price
from spacelang.lower.lowered import lower
from spacelang_runtime.nn.network import Network


class Counter(TorchDispatchMode):
    """Counts by torch's own formulas, as its FlopCounterMode does, and answers the slow operations on meta tensors
    from memory where it met the same shapes before: torch works out the shape of a LayerNorm in a millisecond, and
    the networks here have a hundred thousand."""

    SLOW = ("native_layer_norm", "addmm", "bmm", "gelu", "add", "roll", "flip")

    def __init__(self) -> None:
        super().__init__()
        self.met: dict[object, tuple[int, Any]] = {}
        self.flops = 0

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        packet, named = operation.overloadpacket, kwargs or {}
        if packet.__name__ not in self.SLOW:
            given = operation(*args, **named)
            self.flops += flop_registry[packet](*args, **named, out_val=given) if packet in flop_registry else 0
            return given
        key = (operation, _shape(args), _shape(tuple(named.items())))
        if key not in self.met:
            given = operation(*args, **named)
            formula = flop_registry.get(packet)
            self.met[key] = (formula(*args, **named, out_val=given) if formula else 0, given)
        flops, given = self.met[key]
        self.flops += flops
        return given


def _shape(value: Any) -> object:
    if isinstance(value, Tensor):
        return value.shape, value.stride(), value.dtype
    return tuple(map(_shape, value)) if isinstance(value, list | tuple) else value


COUNTER = Counter()


def built(architecture: Architecture) -> tuple[Network, Tensor]:
    """A network and an image for it, without data."""
    frame = architecture.frame
    with torch.device("meta"):
        return Network(architecture), torch.empty(1, frame.channels, frame.image, frame.image)


def measured(architecture: Architecture) -> Cost:
    """The cost of a network as torch counts it."""
    network, images = built(architecture)
    COUNTER.flops = 0
    with torch.no_grad(), COUNTER:
        network(images)
    assert COUNTER.flops % 2 == 0
    return Cost(COUNTER.flops // 2, sum(parameter.numel() for parameter in network.parameters()))


@pytest.mark.parametrize("name", [*SHIPPED, *AWKWARD])
def test_the_counter_counts_as_that_of_torch(name: str) -> None:
    lowered = shipped(name) if name in SHIPPED else lower(AWKWARD[name])
    network, images = built(lowered.largest)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(images)
    assert measured(lowered.largest).flops * 2 == counter.get_total_flops()


@pytest.mark.parametrize("name", SHIPPED)
def test_networks_of_a_shipped_space_cost_what_the_compiler_says(name: str) -> None:
    lowered = shipped(name)
    rng = random.Random(1)
    for architecture in {draw(lowered, rng) for _ in range(20)}:
        assert measured(architecture) == price(architecture)


@pytest.mark.parametrize("name", AWKWARD)
def test_padding_clipping_and_odd_maps_cost_what_the_compiler_says(name: str) -> None:
    lowered = lower(AWKWARD[name])
    rng = random.Random(1)
    for architecture in {draw(lowered, rng) for _ in range(30)}:
        assert measured(architecture) == price(architecture)


def autoformer_s() -> Architecture:
    """The published subnet of AutoFormer-S."""
    ratios = ["3", "7/2", "3", "7/2", "4", "4", "4", "4", "4", "4", "4", "7/2", "4"]
    heads = (6, 6, 5, 7, 5, 5, 5, 6, 6, 7, 7, 6, 7)
    layers = tuple(
        Layer(count, 64 * count, exact(Fraction(ratio)), "global")
        for count, ratio in zip(heads, ratios, strict=True)
    )
    return Architecture(
        Frame(224, 16, 3, 1000, ("absolute", "relative"), "class", "mean", False), (Stage(384, layers),)
    )


# Parameters and MACs measured on the public code of AutoFormer and AutoFormerV2 (for Swin, of timm).
PUBLISHED: dict[str, tuple[Callable[[], Architecture], Cost]] = {
    "S3-T": (lambda: shipped("s3_tiny").largest, Cost(4_623_332_352, 28_328_674)),
    "S3-S": (lambda: shipped("s3_small").largest, Cost(9_404_703_744, 49_737_298)),
    "S3-B": (lambda: shipped("s3_base").largest, Cost(13_655_012_352, 71_125_762)),
    "Swin-T": (lambda: shipped("swin_tiny").largest, Cost(4_490_566_656, 28_288_354)),
    "AutoFormer-S": (autoformer_s, Cost(5_161_400_832, 22_891_432)),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_networks_cost_what_their_public_code_does(name: str) -> None:
    architecture, cost = PUBLISHED[name]
    assert measured(architecture()) == cost
