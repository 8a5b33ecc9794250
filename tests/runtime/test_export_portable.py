"""What is exported is the network, in operators that converters know, and without a table of all pairs of
tokens."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch
from networks import AWKWARD, draw, stirred

from spacelang import notation
from spacelang.lower.lowered import lower
from spacelang_runtime.export.portable.network import TransformerLayer
from spacelang_runtime.export.portable.portable import portable, traced
from spacelang_runtime.nn.network import Network
from spacelang_runtime.ops.windows import Cut

ODD = (
    "i28-p4-c5-absolute+bias+relative/8:2xh2q8m2w4/8:h1q8m1w4"  # a map of 7, padded, its windows shifted; then of 4
)


def model_of(line: str) -> Network:
    return stirred(Network(notation.read(line))).eval()


def cuts(model: Network) -> list[Cut]:
    """Of every layer."""
    return [part.attention.cut for part in portable(model).parts.values() if isinstance(part, TransformerLayer)]


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


def test_no_constant_holds_a_number_for_every_pair_of_tokens(tmp_path: Path) -> None:
    """Neither in the file nor after onnxruntime has folded what does not depend on the images."""
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    from spacelang_runtime.export.onnx_file import write

    model = model_of(ODD)
    write(model, tmp_path / "model.onnx")
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "folded.onnx")
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    onnxruntime.InferenceSession(tmp_path / "model.onnx", options)
    windows = {cut.window[0] * cut.window[1] for cut in cuts(model)}
    for name in ("model.onnx", "folded.onnx"):
        held = [tuple(tensor.dims) for tensor in onnx.load(tmp_path / name).graph.initializer]
        wrong = [shape for shape in held if shape[-2:] in {(tokens, tokens) for tokens in windows}]
        assert wrong == []
