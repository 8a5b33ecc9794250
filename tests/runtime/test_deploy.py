"""A network as a file for where it will run: checked there, telling of itself, and tested as it will be used."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from image_folder import image_folder
from networks import stirred

from spacelang import notation
from spacelang_runtime.data import TestShare, open_split
from spacelang_runtime.data.decode import ANY_SIDE
from spacelang_runtime.data.forms.known import listed
from spacelang_runtime.data.labelled import open_training
from spacelang_runtime.data.splits import source
from spacelang_runtime.data.training_data import TrainingData
from spacelang_runtime.export.metadata import metadata, told_by
from spacelang_runtime.export.sessions.opened import opened
from spacelang_runtime.export.sessions.session import Session
from spacelang_runtime.export.written import checked
from spacelang_runtime.failure import Failure
from spacelang_runtime.nn.network import Network
from spacelang_runtime.nn.saved import save
from spacelang_runtime.preprocessing import Preprocessing

LINE = "i8-p2-c10/8:h1q8m2w2"
RUNTIMES = {
    ".onnx": ("onnxruntime", "onnx"),
    ".xml": ("openvino", "openvino"),
    ".pte": ("executorch", "executorch"),
    ".tflite": ("litert_torch", "litert"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of digits, as `spacelang export` writes it."""
    where = tmp_path_factory.mktemp("model")
    save(stirred(Network(notation.read(LINE))).eval(), where, {"classes": list("0123456789")})
    return where


@pytest.mark.parametrize("suffix", RUNTIMES)
def test_a_file_is_checked_in_its_runtime_and_tested_as_the_model_is(
    spacelang, folder: Path, tmp_path: Path, suffix: str
) -> None:
    pytest.importorskip(RUNTIMES[suffix][0], reason=f"{RUNTIMES[suffix][0]} is not installed")
    made = tmp_path / f"model{suffix}"
    said = spacelang("export", str(folder), "-o", str(made))
    assert said.code == 0, said.err
    card = (tmp_path / f"{made.name}.md").read_text()
    for fact in (f"`{LINE}`", "of the largest logit", "float32", "10: 0, 1, 2", "mean 0.485", "ms a pass, batch 1"):
        assert fact in card
    tested = spacelang("eval", str(made), str(folder), "--data", "digits", "--json", "--workers", "0")
    assert tested.code == 0, tested.err
    file, whole = json.loads(tested.out)
    same = ("name", "top1", "images", "flops", "params")
    assert [file[name] for name in same] == [whole[name] for name in same]
    assert file["loss"] == pytest.approx(whole["loss"], rel=1e-4)
    assert spacelang("export", str(folder), "-o", str(made)).code == 1  # it is there already


@pytest.mark.parametrize("answer", [float("nan"), float("inf")])
def test_a_file_that_answers_with_no_numbers_does_not_pass_its_check(answer: float) -> None:
    network = stirred(Network(notation.read(LINE))).eval()
    session = Session(lambda images: np.full((len(images), 10), answer, np.float32), None, {}, "a runtime")
    with pytest.raises(Failure, match=f"computes other logits than torch: they differ by {answer}"):
        checked(session, network, None, "a runtime")


def test_signals_are_handled_when_several_files_of_openvino_were_opened(
    spacelang, folder: Path, tmp_path: Path
) -> None:
    pytest.importorskip("openvino", reason="OpenVINO is not installed")
    assert spacelang("export", str(folder), "-o", str(tmp_path / "model.xml")).code == 0
    lines = (
        "import faulthandler, signal, sys",
        "faulthandler.enable()",  # has the thread take its signal stack
        "from pathlib import Path",
        "from spacelang_runtime.export.sessions.openvino import open_",
        "opened = [open_(Path(sys.argv[1])) for _ in range(3)]",
        "while opened: opened.pop(0)",
        "signal.signal(signal.SIGUSR1, lambda *_: print('handled'))",
        "signal.raise_signal(signal.SIGUSR1)",
    )
    command = [sys.executable, "-c", "\n".join(lines), str(tmp_path / "model.xml")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (0, "handled\n"), ended.stderr


@pytest.mark.parametrize(
    ("suffix", "tool"), [(".onnx", "onnxruntime"), (".xml", "nncf"), (".pte", "executorch")], ids=lambda one: one
)
def test_int8_is_calibrated_on_training_images_and_judged_on_test_images(
    spacelang, folder: Path, tmp_path: Path, suffix: str, tool: str
) -> None:
    pytest.importorskip(tool, reason=f"{tool} is not installed")
    made = tmp_path / f"model{suffix}"
    said = spacelang("export", str(folder), "-o", str(made), "--int8", "--data", "digits")
    assert said.code == 0, said.err
    assert "in float32 and" in said.out
    card = (tmp_path / f"{made.name}.md").read_text()
    for fact in (
        "| Precision | int8 |",
        "256 training images of digits",
        "Top-1 before and after",
        "Latency before",
    ):
        assert fact in card
    (row,) = json.loads(spacelang("eval", str(made), "--data", "digits", "--json", "--workers", "0").out)
    assert f"{row['top1']:.2%} in int8" in card


def test_int8_of_one_split_takes_its_ranges_from_images_that_are_not_tested(
    spacelang, folder: Path, tmp_path: Path
) -> None:
    shown = image_folder(tmp_path / "both", train=5, val=0).joinpath("train").rename(tmp_path / "one")
    frame, seen, held_out = notation.read(LINE).frame, Preprocessing(1.0, "bilinear"), TestShare(0.4)
    training = open_training(str(shown), frame, seen, 0, lambda _: None, held_out)
    tested = open_split(str(shown), frame, seen, 0, lambda _: None, held_out)
    assert (len(training), len(tested)) == (9, 6)
    pictures = [image.numpy().tobytes() for split in (training, tested) for image in split.first(15)]
    assert len(set(pictures)) == 15
    learned = TrainingData(held_out, source(listed(str(shown)), ANY_SIDE, held_out).fingerprint)
    assert len(open_training(str(shown), frame, seen, 0, lambda _: None, None, learned)) == 9

    words = ("export", str(folder), "-o", str(tmp_path / "m.onnx"), "--int8", "--data", str(shown))
    refused = spacelang(*words)
    assert refused.code == 1
    assert "has no test split: it is one split of 15 images" in refused.err
    assert "--test-share 0.2" in refused.err


def test_executorch_answers_by_as_many_threads_as_are_asked_for(spacelang, folder: Path, tmp_path: Path) -> None:
    bindings = pytest.importorskip(
        "executorch.extension.pybindings.portable_lib", reason="ExecuTorch is not installed"
    )
    made = tmp_path / "model.pte"
    assert spacelang("export", str(folder), "-o", str(made)).code == 0
    for threads in (2, 1):
        session = opened(made, threads=threads)
        assert bindings._threadpool_get_thread_count() == threads
        assert session.answer(np.zeros((1, 3, 8, 8), np.float32)).shape == (1, 10)


def test_a_missing_package_is_named_with_the_command_that_installs_it(
    spacelang, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for suffix, (package, extra) in {**RUNTIMES, ".mlpackage": ("coremltools", "coreml")}.items():
        monkeypatch.setitem(sys.modules, package, None)
        if package == "executorch":
            monkeypatch.setitem(sys.modules, "executorch.backends.xnnpack.partition.xnnpack_partitioner", None)
        said = spacelang("export", str(folder), "-o", str(tmp_path / f"model{suffix}"))
        assert said.code == 1
        assert f"pip install 'spacelang[{extra}]'" in said.err


@pytest.mark.parametrize(
    ("words", "said"),
    {
        ("m.onnx", "--batch", "2"): "onnx takes any number of images at a time",
        ("m.tflite", "--int8", "--data", "digits"): "int8 is not made for litert",
        ("m.onnx", "--int8"): "int8 takes its ranges from images",
        ("m.onnx", "--data", "digits"): "--data is what int8 is calibrated and tested on",
        ("m.onnx", "--test-share", "0.2"): "--test-share holds images out for the test of int8",
        ("m", "--batch", "2"): "safetensors has no batch",
        ("m", "--image", "16"): "safetensors has no image size of its own",
        ("m.bin", "--format", "openvino"): "a file for openvino ends in .xml",
    }.items(),
)
def test_words_that_do_not_go_together_are_refused(
    spacelang, folder: Path, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    output, *others = words
    refused = spacelang("export", str(folder), "-o", str(tmp_path / output), *others)
    assert refused.code == 2
    assert said in refused.err


def test_what_a_file_tells_is_read_back() -> None:
    architecture, seen = notation.read(LINE), Preprocessing(1.0, "bilinear")
    told = told_by(metadata(architecture, 16, {"classes": list("abcdefghij")}, seen), "m.onnx")
    assert notation.write(told.architecture) == LINE.replace("i8", "i16")
    assert (told.preprocessing, told.classes) == (seen, tuple("abcdefghij"))
    for stranger in ({}, {"network": "no line"}, {"network": LINE}):
        with pytest.raises(Failure, match="does not tell which network it is"):
            told_by(stranger, "m.onnx")


def test_what_a_converter_refuses_is_told_with_operator_and_layer() -> None:
    from spacelang_runtime.export.portable.portable import traced
    from spacelang_runtime.export.written import converting

    network = Network(notation.read("i8-p2-c10/8:h1q8m2w2")).eval()
    with (
        pytest.raises(Failure, match=r"\(operator softmax, stage 1 layer 1\)") as refused,
        converting(network, traced(network, None, 1), "a converter"),
    ):
        raise NotImplementedError("Unsupported fx node softmax, kind call_function")
    assert refused.value.remedy.startswith("export it as .onnx")


def test_a_file_that_no_runtime_reads_is_one_clear_message(spacelang, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    for path, said in ((broken, "cannot be loaded"), (tmp_path / "none.onnx", "there is no file")):
        refused = spacelang("eval", str(path), "--data", "digits")
        assert refused.code == 1
        assert said in refused.err


def test_a_file_of_a_fixed_batch_answers_any_number_of_images() -> None:
    from spacelang_runtime.export.sessions.answering import Answering
    from spacelang_runtime.export.sessions.session import Session

    given = []

    def answer(images):
        given.append(len(images))
        return images.sum((1, 2, 3))[:, None]

    images = torch.randn(5, 3, 4, 4)
    found = Answering(Session(answer, 2, {}, "a runtime"))(images)
    assert given == [2, 2, 2]
    assert torch.allclose(found[:, 0], images.sum((1, 2, 3)), atol=1e-5)
