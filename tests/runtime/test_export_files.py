"""A network as a file: ONNX and torch.export compute what torch does, and the files hold little but weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from networks import stirred

from spacelang import notation
from spacelang_runtime.app.export import require_known
from spacelang_runtime.export import program
from spacelang_runtime.export.metadata import metadata
from spacelang_runtime.export.portable.network import PortableTransformerLayer
from spacelang_runtime.export.portable.portable import portable
from spacelang_runtime.failure import Failure
from spacelang_runtime.nn.network import Network
from spacelang_runtime.preprocessing import Preprocessing

# A map of 7: one window, then padded to 8, its windows shifted; then a map of 4.
ODD = "i28-p4-c5-absolute+bias+relative/8:h2q8m2w7,h2q8m2w4/8:h1q8m1w4"
COLUMN = "i20-p4-c5-absolute+relative-token/12:h2q12m2wg"
TOKEN = "i20-p4-c5-absolute+bias+relative-token-pooltoken-norm/12:h2q12m2wg"  # a column read by its token


def network(line: str) -> Network:
    return stirred(Network(notation.read(line))).eval()


def told(model: Network) -> dict[str, str]:
    return metadata(model.architecture, None, {"classes": ["ant", "bee", "c", "d", "naïve"]}, Preprocessing(1.0))


@pytest.mark.parametrize("line", [ODD, TOKEN])
def test_onnxruntime_computes_what_torch_does_of_weights_and_no_table_of_pairs(line: str, tmp_path: Path) -> None:
    """No constant holds a number for every pair of tokens of a window, neither in the file nor after onnxruntime
    has folded what does not depend on the images."""
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    from spacelang_runtime.export.onnx_file import write

    model = network(line)
    written = write(model, tmp_path / "model.onnx", told=told(model))
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "folded.onnx")
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", options)
    (images,) = session.get_inputs()
    frame = model.architecture.frame
    assert images.shape == ["batch", frame.channels, frame.image, frame.image]
    for batch in (1, 4):
        x = torch.randn(batch, frame.channels, frame.image, frame.image)
        (found,) = session.run(["logits"], {"images": x.numpy()})
        expected = model(x).detach()
        assert (torch.from_numpy(found) - expected).abs().max() <= 1e-4 * expected.abs().max()
    assert written.size == (tmp_path / "model.onnx").stat().st_size
    assert written.weights == 4 * sum(parameter.numel() for parameter in model.parameters())
    assert session.get_modelmeta().custom_metadata_map == told(model)

    layers = [part for part in portable(model).parts.values() if isinstance(part, PortableTransformerLayer)]
    assert len(layers) == model.architecture.depth
    windows = {layer.attention.cut.window[0] * layer.attention.cut.window[1] for layer in layers}
    for name in ("model.onnx", "folded.onnx"):
        held = [tuple(tensor.dims) for tensor in onnx.load(tmp_path / name).graph.initializer]
        wrong = [shape for shape in held if shape[-2:] in {(tokens, tokens) for tokens in windows}]
        assert wrong == []


def test_another_size_is_exported_too(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    from spacelang_runtime.export.onnx_file import write

    assert write(network(COLUMN), tmp_path / "model.onnx", image=28).difference < 1e-4
    with pytest.raises(Failure, match="30 pixels are not whole patches of 4") as failure:
        write(network(COLUMN), tmp_path / "model.onnx", image=30)
    assert failure.value.remedy == "take 32"


@pytest.mark.parametrize("line", [ODD, COLUMN])
def test_a_program_runs_without_its_code_bit_for_bit(line: str, tmp_path: Path) -> None:
    model = network(line)
    size = program.write(model, tmp_path / "model.pt2", told=told(model))
    assert size == (tmp_path / "model.pt2").stat().st_size
    files = dict.fromkeys(told(model), "")
    loaded = torch.export.load(tmp_path / "model.pt2", extra_files=files)
    assert files == told(model)
    assert not loaded.constants
    for batch in (1, 5):
        x = program.example(model, None, batch)
        assert torch.equal(loaded.module()(x), model(x))


@pytest.mark.parametrize("name", ["model", "net.v2", "net.V2b", "net.0", "net.2024-11", "out.d/net", "s3.smallest"])
def test_names_of_folders_are_no_files(name: str, tmp_path: Path) -> None:
    require_known(tmp_path / name)


def test_a_folder_that_is_there_may_have_any_name(tmp_path: Path) -> None:
    (tmp_path / "m.docx").mkdir()
    require_known(tmp_path / "m.docx")
    with pytest.raises(Failure, match=r"no format ends in \.docx"):
        require_known(tmp_path / "n.docx")
