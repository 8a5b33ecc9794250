"""What is exported is the network, in operators that converters know."""

from __future__ import annotations

import random

import pytest
import torch
from networks import AWKWARD, draw, stirred

from spacelang import notation
from spacelang.lower.lowered import lower
from spacelang_runtime.export.portable.portable import portable, traced
from spacelang_runtime.export.portable.position_embedding import Bias
from spacelang_runtime.nn.network import Network
from spacelang_runtime.ops.windows import cut

ODD = (
    "i28-p4-c5-absolute+bias+relative/8:2xh2q8m2w4/8:h1q8m1w4"  # a map of 7, padded, its windows shifted; then of 4
)


def model_of(line: str) -> Network:
    return stirred(Network(notation.read(line))).eval()


@pytest.mark.parametrize("name", AWKWARD)
def test_the_portable_form_computes_what_the_network_does(name: str) -> None:
    lowered = lower(AWKWARD[name])
    for seed in range(2):
        model = stirred(Network(draw(lowered, random.Random(seed))), seed).eval()
        frame = model.architecture.frame
        for side in (frame.image, frame.image + 3 * frame.patch):
            images = torch.randn(3, frame.channels, side, side)
            with torch.inference_mode():
                expected, found = model(images), portable(model, side)(images)
            assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_a_token_alone_in_its_window_gathers_its_own_value() -> None:
    model = model_of("i28-p4-c5-bias+relative/8:h2q8m2w1,h1q8m2w4/8:h2q12m1w1")
    images = torch.randn(2, 3, 28, 28)
    with torch.inference_mode():
        expected, found = model(images), portable(model)(images)
    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_converters_meet_no_operator_that_they_do_not_know() -> None:
    program = traced(model_of(ODD), None, 1).run_decompositions({})
    names, dimensions, padded = set(), 0, 0
    for node in program.graph.nodes:
        if not isinstance(node.target, torch._ops.OpOverload):
            continue
        name = node.target.name().removeprefix("aten::").split(".")[0]
        names.add(name)
        made = node.meta["val"]
        for tensor in made if isinstance(made, tuple | list) else [made]:
            dimensions = max(dimensions, tensor.dim() if isinstance(tensor, torch.Tensor) else 0)
            padded = max(padded, tensor.dim() if name in ("pad", "constant_pad_nd") else 0)
        assert "alpha" not in node.kwargs
    assert dimensions <= 5
    assert padded == 4
    assert names.isdisjoint({"unfold", "roll", "as_strided", "alias", "flip", "index"})


def test_whole_rows_change_places_in_a_bias_matrix() -> None:
    """Moving single numbers took onnxruntime a quarter of a pass of S3-T."""
    bias = Bias(torch.randn(2, 7, 7), cut((8, 8), 4, False, False), False)
    program = torch.export.export(bias, (torch.zeros(1, 1),))
    moved = [node for node in program.graph.nodes if "transpose" in str(node.target)]
    assert moved
    for node in moved:
        _, *axes = node.args
        assert node.meta["val"].dim() - 1 not in axes
