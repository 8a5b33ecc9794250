"""A network as an ONNX file, with any batch, checked in onnxruntime.

The file holds the weights and little else: it is the network's portable form (`export.portable`), whose masks and
bias matrices depend on the images for every optimizer, so that neither the file nor a runtime's memory holds them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

from spacelang_runtime.atomic import replace
from spacelang_runtime.export.portable.portable import traced
from spacelang_runtime.export.sessions.onnx import open_
from spacelang_runtime.export.sessions.session import absent
from spacelang_runtime.export.written import (
    Calibration,
    Written,
    checked,
    converting,
    weights_of,
)
from spacelang_runtime.nn.network import Network

STORED = 1024  # numbers that a computed constant may take in the file
# In the names of constants that are no weights of a linear layer: what they are multiplied with stays float32.
OTHERS = (".across", ".down", ".of_keys", ".key_", ".value_")


def write(
    network: Network,
    path: Path,
    image: int | None = None,
    told: Mapping[str, str] = MappingProxyType({}),
    calibration: Calibration | None = None,
) -> Written:
    """Write a network as ONNX, with input "images" [batch, channels, H, W] and output "logits" [batch, classes].

    image: the side of the images; None: the architecture's. The batch is free. told: the file's metadata (see
    `export.metadata`). calibration: quantise to int8 by these. Raises `Failure` where a package is missing, where
    the file cannot be written, and where onnxruntime does not compute in float32 what torch does.
    """
    content = of_program(network, image, told)
    if calibration is not None:
        content = quantised(content, calibration)
    session = open_(content)
    apart, precision = checked(session, network, image, "onnxruntime", calibration)
    replace(path, lambda file: file.write(content))
    return Written(len(content), weights_of(network), apart, precision, None, session.runtime)


def of_program(network: Network, image: int | None, told: Mapping[str, str]) -> bytes:
    """The content of a file in float32."""
    require_installed()
    program = traced(network, image, None)
    with converting(network, program, "torch.onnx"):
        return content(program, told)


def require_installed() -> None:
    """Make sure of the packages that make and run ONNX files. Raises `Failure`."""
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise absent(error, "ONNX", "onnx") from None


def content(program: Any, told: Mapping[str, str]) -> bytes:
    """An ONNX file's bytes, of a program of one input and one output."""
    import onnxscript.optimizer
    import torch
    from onnx_ir.passes.common import ClearMetadataAndDocStringPass, CommonSubexpressionEliminationPass

    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    made = torch.onnx.export(
        program, dynamo=True, optimize=False, verbose=False, input_names=["images"], output_names=["logits"]
    )
    assert made is not None
    model = made.model
    onnxscript.optimizer.optimize_ir(model, input_size_limit=STORED, output_size_limit=STORED)
    CommonSubexpressionEliminationPass()(model)
    ClearMetadataAndDocStringPass()(model)
    for value in (*model.graph.inputs, *model.graph.outputs):
        if not isinstance(value.shape[0], int):
            value.shape[0] = "batch"
    model.metadata_props.update(told)
    written: bytes = made.model_proto.SerializeToString()
    return written


def quantised(content: bytes, images: Calibration, batch: int = 1) -> bytes:
    """The file with linear layers and the convolution in int8, by onnxruntime's static quantisation: weights by
    channel, what comes in by its range over the images, so many at a time. Attention's own products, softmax and
    norms stay float32."""
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class CalibrationReader(CalibrationDataReader):
        """The images, in their order."""

        def __init__(self) -> None:
            self.rest = iter(images.split(batch))

        def get_next(self) -> dict[str, Any] | None:
            some = next(self.rest, None)
            return None if some is None else {"images": some.numpy()}

    with TemporaryDirectory() as folder:
        given, ready, made = (Path(folder) / name for name in ("given.onnx", "ready.onnx", "made.onnx"))
        given.write_bytes(content)
        told = {entry.key: entry.value for entry in onnx.load(given).metadata_props}
        quant_pre_process(str(given), str(ready), skip_symbolic_shape=True)
        apart = [
            node.name
            for node in onnx.load(ready).graph.node
            if node.op_type == "MatMul" and any(word in name for name in node.input for word in OTHERS)
        ]
        quantize_static(
            ready,
            made,
            CalibrationReader(),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["MatMul", "Gemm", "Conv"],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=apart,
            extra_options={"MatMulConstBOnly": True},
        )
        model = onnx.load(made)
        del model.metadata_props[:]
        onnx.helper.set_model_props(model, told)
        result: bytes = model.SerializeToString()
        return result
