"""A network as a file: ONNX and torch.export compute what torch does, and the files hold little but weights."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch
from networks import AWKWARD, draw, stirred

from spacelang import notation
from spacelang.lower.lowered import lower
from spacelang_runtime.app.export import require_known
from spacelang_runtime.export import program
from spacelang_runtime.failure import Failure
from spacelang_runtime.nn.network import Network

SWIN = "i56-p2-c7/8:4xh2q8m2w7/16:2xh2q12m2w7"  # shifted windows in several layers
ODD = "i26-p2-c5-absolute+bias+relative/8:h2q8m2w5,h1q8m2w13/8:h2q8m1w3"  # padding; a table cut to its centre


def network(name: str, seed: int = 0) -> Network:
    line = notation.read(name) if "/" in name else draw(lower(AWKWARD[name]), random.Random(seed))
    return stirred(Network(line), seed).eval()


@pytest.mark.parametrize("name", [ODD, "column read by its token", SWIN])
def test_onnxruntime_computes_what_torch_does(name: str, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    from spacelang_runtime.export.onnx_file import write

    model = network(name)
    written = write(model, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
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


def test_another_size_is_exported_too(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    from spacelang_runtime.export.onnx_file import write

    assert write(network("column"), tmp_path / "model.onnx", image=28).difference < 1e-4
    with pytest.raises(Failure, match="30 pixels are not whole patches of 4") as failure:
        write(network("column"), tmp_path / "model.onnx", image=30)
    assert failure.value.remedy == "take 32"


@pytest.mark.parametrize("name", [ODD, "column"])
def test_a_program_runs_without_its_code_bit_for_bit(name: str, tmp_path: Path) -> None:
    model = network(name)
    size = program.write(model, tmp_path / "model.pt2")
    assert size == (tmp_path / "model.pt2").stat().st_size
    loaded = torch.export.load(tmp_path / "model.pt2")
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
