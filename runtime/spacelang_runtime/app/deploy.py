"""A network as a file for where it will run: checked there, in int8 where that is asked for, with a card beside
it."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal, get_args

import attrs
from attrs import frozen

from spacelang.amount import short
from spacelang_runtime.app.evaluate import EvaluationOptions, of_file
from spacelang_runtime.app.watching import Say, silent
from spacelang_runtime.app.workers import readers
from spacelang_runtime.failure import Failure

if TYPE_CHECKING:
    from torch import Tensor

    from spacelang.architecture import Frame
    from spacelang_runtime.app.model import SavedModel
    from spacelang_runtime.data import TestShare
    from spacelang_runtime.export.deployed_card import PassLatency, QuantizationTest
    from spacelang_runtime.export.written import Calibration, Written

Form = Literal["onnx", "openvino", "executorch", "litert", "coreml"]
FORMS: tuple[Form, ...] = get_args(Form)
FREE: tuple[Form, ...] = ("onnx", "openvino")  # that take any number of images at a time
QUANTISED: tuple[Form, ...] = ("onnx", "openvino", "executorch")
RUNNING = (".onnx", ".xml", ".pte", ".tflite")  # names of files that run here
CALIBRATED = 256  # training images that ranges are taken from


@frozen
class Deployment:
    """How a file is to be made. image: another side of its images. batch: how many it takes at a time, where that
    is fixed; None: 1. int8: quantised by the training images of `data`, and tested on its test images before and
    after. workers: processes that read them. held_out: for the test, of data without a test split."""

    image: int | None = None
    batch: int | None = None
    int8: bool = False
    data: str | None = None
    workers: int | None = None
    say: Say = silent
    held_out: TestShare | None = None


def files_of(output: Path, form: Form) -> tuple[Path, ...]:
    """What is written, the card included."""
    beside = (output.with_suffix(".bin"),) if form == "openvino" else ()
    return (output, *beside, card_of(output))


def card_of(output: Path) -> Path:
    """Where the card of a file is."""
    return output.with_name(f"{output.name}.md")


def require(form: Form, how: Deployment) -> None:
    """Refuse words that do not go together, before anything is loaded. Raises `Failure`."""
    if how.batch is not None and form in FREE:
        raise Failure(f"{form} takes any number of images at a time", "leave --batch out")
    if how.int8 and form not in QUANTISED:
        raise Failure(f"int8 is not made for {form}", f"it is for {', '.join(QUANTISED)}")
    if how.int8 and how.data is None:
        raise Failure("int8 takes its ranges from images", "name data like that of the training: --data FOLDER")
    if how.data is not None and not how.int8:
        raise Failure("--data is what int8 is calibrated and tested on", "say --int8 as well, or leave it out")
    if how.held_out is not None and not how.int8:
        raise Failure("--test-share holds images out for the test of int8", "say --int8 as well, or leave it out")


def deploy(model: SavedModel, output: Path, form: Form, how: Deployment = Deployment()) -> str:
    """Write a file and its card; gives what was checked, in words.

    Raises `Failure` where a package is missing, where a converter refuses the network, where its runtime computes
    something else in float32 than torch, and where the data has other classes.
    """
    require(form, how)
    if how.int8:
        return _in_int8(model, output, form, how)
    written = _write(model, output, form, how, None)
    latency = _latency(model, output, form, how)
    _card(model, output, how, written, latency, None)
    return said(written, latency)


def said(written: Written, latency: PassLatency | None) -> str:
    """A file in few words."""
    where = written.with_
    apart = (
        f"made by {where}, and not run here"
        if written.difference is None
        else f"{where} gives torch's logits to {written.difference:.0e}"
    )
    time = "" if latency is None else f", {latency.milliseconds:.3g} ms a pass of {latency.batch}"
    return f"{short(written.size)}B in {written.precision}; {apart}{time}"


def _write(
    model: SavedModel, output: Path, form: Form, how: Deployment, calibration: Calibration | None
) -> Written:
    from spacelang_runtime.export.metadata import metadata
    from spacelang_runtime.export.written import fixed

    network, batch = model.network, fixed(how.batch)
    told = metadata(network.architecture, how.image, model.notes, model.preprocessing)
    match form:
        case "onnx":
            from spacelang_runtime.export import onnx_file

            return onnx_file.write(network, output, how.image, told, calibration)
        case "openvino":
            from spacelang_runtime.export import openvino_file

            return openvino_file.write(network, output, how.image, told, calibration)
        case "executorch":
            from spacelang_runtime.export import executorch_file

            return executorch_file.write(network, output, how.image, told, calibration, batch)
        case "litert":
            from spacelang_runtime.export import litert_file

            return litert_file.write(network, output, how.image, told, batch)
        case "coreml":
            from spacelang_runtime.export import coreml_file

            return coreml_file.write(network, output, how.image, told, batch)


def _in_int8(model: SavedModel, output: Path, form: Form, how: Deployment) -> str:
    """Write a file in int8, and test it and the one in float32 on the same images."""
    from spacelang_runtime.export.deployed_card import QuantizationTest

    images = _calibration(model, how)
    with TemporaryDirectory() as folder:
        plain = Path(folder) / f"float32{output.suffix}"
        before = _write(model, plain, form, how, None)
        right, count = _test(model, plain, how)
        latency_before = _latency(model, plain, form, how)
    written = _write(model, output, form, how, images)
    right_after, _ = _test(model, output, how)
    latency = _latency(model, output, form, how)
    assert latency_before is not None
    tested = QuantizationTest(str(how.data), count, len(images), right, right_after, before.size, latency_before)
    _card(model, output, how, written, latency, tested)
    return (
        f"{said(written, latency)}; of {count} test images {right / count:.2%} in float32 and "
        f"{right_after / count:.2%} in int8, {written.size / before.size:.2f} times the size"
    )


def _calibration(model: SavedModel, how: Deployment) -> Tensor:
    """The first training images, as test images are looked at; none is tested on."""
    from spacelang_runtime.data.labelled import open_training
    from spacelang_runtime.data.training_data import from_notes

    assert how.data is not None
    workers, parted = readers(how.workers, spare=0), (how.held_out, from_notes(model.notes))
    split = open_training(how.data, _frame(model, how), model.preprocessing, workers, how.say, *parted)
    images: Tensor = split.normalise(split.first(CALIBRATED)).float()
    return images


def _frame(model: SavedModel, how: Deployment) -> Frame:
    """With the side of the images that the file takes."""
    frame = model.network.architecture.frame
    return attrs.evolve(frame, image=how.image or frame.image)


def _test(model: SavedModel, path: Path, how: Deployment) -> tuple[int, int]:
    """How many test images a file tells right, and of how many."""
    from spacelang_runtime.data.training_data import from_notes

    assert how.data is not None
    parted = EvaluationOptions("cpu", how.workers, how.say, held_out=how.held_out, learned=from_notes(model.notes))
    (row,) = of_file(path, how.data, options=parted).rows
    return round(row["top1"] * row["images"]), row["images"]


def _latency(model: SavedModel, path: Path, form: Form, how: Deployment) -> PassLatency | None:
    from spacelang_runtime.export.pass_latency import pass_latency
    from spacelang_runtime.export.sessions.opened import opened

    if form == "coreml":
        return None
    frame = _frame(model, how)
    return pass_latency(
        opened(path, threads=1, batch=how.batch or 1), (frame.channels, frame.image, frame.image), threads=1
    )


def _card(
    model: SavedModel,
    output: Path,
    how: Deployment,
    written: Written,
    latency: PassLatency | None,
    tested: QuantizationTest | None,
) -> None:
    from spacelang_runtime.atomic import replace
    from spacelang_runtime.export.deployed_card import card

    side = _frame(model, how).image
    text = card(
        model.network.architecture, output.name, side, model.notes, model.preprocessing, written, latency, tested
    )
    replace(card_of(output), lambda file: file.write(text.encode()))
