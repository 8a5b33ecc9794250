"""A network as OpenVINO's NAME.xml and NAME.bin, with any batch, checked in OpenVINO."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

from torch.export import ExportedProgram

from spacelang_runtime.atomic import replace
from spacelang_runtime.export.portable.portable import traced
from spacelang_runtime.export.sessions.openvino import TOLD, open_
from spacelang_runtime.export.sessions.session import absent
from spacelang_runtime.export.written import (
    Calibration,
    Written,
    checked,
    converting,
    weights_of,
)
from spacelang_runtime.nn.network import Network


def write(
    network: Network,
    path: Path,
    image: int | None = None,
    told: Mapping[str, str] = MappingProxyType({}),
    calibration: Calibration | None = None,
) -> Written:
    """Write a network for OpenVINO, weights in float32: see `onnx_file.write`. What it tells of itself stands in
    the model's rt_info, as JSON under model_info/spacelang. It is checked with OpenVINO's float32 hint."""
    program = traced(network, image, None)
    with converting(network, program, "OpenVINO"):
        model = converted(program)
    frame = network.architecture.frame
    side = image or frame.image
    model.reshape([-1, frame.channels, side, side])
    model.inputs[0].get_tensor().set_names({"images"})
    model.outputs[0].get_tensor().set_names({"logits"})
    if calibration is not None:
        model = quantised(model, calibration)
    model.set_rt_info(json.dumps(dict(told), ensure_ascii=False), TOLD)
    session = open_(model)
    apart, precision = checked(session, network, image, "OpenVINO", calibration)
    size = save(model, path)
    return Written(size, weights_of(network), apart, precision, None, session.runtime)


def converted(program: ExportedProgram) -> Any:
    """A program as a model of OpenVINO. Raises `Failure` where it is not installed."""
    try:
        import openvino
    except ImportError as error:
        raise absent(error, "OpenVINO", "openvino") from None
    return openvino.convert_model(program)


def save(model: Any, path: Path) -> int:
    """Write both files of a model, the weights first; gives their bytes."""
    import openvino

    with TemporaryDirectory() as folder:
        made = Path(folder) / path.name
        openvino.save_model(model, str(made), compress_to_fp16=False)
        weights, words = made.with_suffix(".bin").read_bytes(), made.read_bytes()
    replace(path.with_suffix(".bin"), lambda file: file.write(weights))
    replace(path, lambda file: file.write(words))
    return len(weights) + len(words)


def quantised(model: Any, images: Calibration, batch: int = 1) -> Any:
    """The model with linear layers and the convolution in int8, by NNCF's post-training quantisation: weights by
    channel, what comes in by its range over the images, so many at a time. Attention's own products, softmax and
    norms stay float32."""
    try:
        import nncf
    except ImportError as error:
        raise absent(error, "int8 for OpenVINO", "openvino") from None

    import logging

    logging.getLogger("nncf").setLevel(logging.ERROR)
    apart = [node.get_friendly_name() for node in model.get_ops() if not _linear(node)]
    # SmoothQuant, NNCF's default here, took a network of digits from 98 % to 30 %; without it 98 % are left.
    unsmoothed = nncf.AdvancedSmoothQuantParameters(convolution=-1, matmul=-1)
    return nncf.quantize(
        model,
        nncf.Dataset([some.numpy() for some in images.split(batch)]),
        subset_size=-(-len(images) // batch),
        preset=nncf.QuantizationPreset.MIXED,
        model_type=nncf.ModelType.TRANSFORMER,
        ignored_scope=nncf.IgnoredScope(names=apart, validate=False),
        advanced_parameters=nncf.AdvancedQuantizationParameters(smooth_quant_alphas=unsmoothed),
    )


def _linear(node: Any) -> bool:
    """Whether an operator is a convolution or a linear layer: a product with a transposed constant matrix."""
    match node.get_type_name():
        case "Convolution":
            return True
        case "MatMul":
            weights = node.input_value(1).get_node()
            return bool(
                weights.get_type_name() == "Constant"
                and len(weights.get_output_shape(0)) == 2
                and node.get_attributes().get("transpose_b")
            )
        case _:
            return False
