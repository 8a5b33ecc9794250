"""A network as a program of ExecuTorch for CPUs, by XNNPACK, with one batch, checked in its runtime."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import torch
from torch.export import ExportedProgram

from spacelang_runtime.atomic import replace
from spacelang_runtime.export.portable.portable import traced
from spacelang_runtime.export.sessions.executorch import TOLD, open_
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
    batch: int = 1,
) -> Written:
    """Write a network for ExecuTorch: see `onnx_file.write`; batch: images that it takes at a time. What it tells
    of itself is the JSON that its method "spacelang" gives."""
    program = traced(network, image, batch)
    with converting(network, program, "ExecuTorch"):
        content = lowered(program, told, calibration)
    session = open_(content)
    apart, precision = checked(session, network, image, "ExecuTorch", calibration)
    replace(path, lambda file: file.write(content))
    return Written(len(content), weights_of(network), apart, precision, batch, session.runtime)


def lowered(program: ExportedProgram, told: Mapping[str, str], calibration: Calibration | None = None) -> bytes:
    """The content of a file. Raises `Failure` where ExecuTorch is not installed."""
    try:
        from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
        from executorch.exir import to_edge_transform_and_lower
    except ImportError as error:
        raise absent(error, "ExecuTorch", "executorch") from None

    if calibration is not None:
        program = _quantised(program, calibration)
    edge = to_edge_transform_and_lower(
        program,
        partitioner=[XnnpackPartitioner()],
        constant_methods={TOLD: json.dumps(dict(told), ensure_ascii=False)},
    )
    return bytes(edge.to_executorch().buffer)


def _quantised(program: ExportedProgram, images: Calibration) -> ExportedProgram:
    """The program with linear layers and the convolution in int8, by PT2E: weights by channel, what comes in by its
    range over the images. Attention's own products, softmax and norms stay float32."""
    from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
        XNNPACKQuantizer,
        get_symmetric_quantization_config,
    )
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    quantizer, config = XNNPACKQuantizer(), get_symmetric_quantization_config(is_per_channel=True)
    for operator in (torch.ops.aten.linear.default, torch.ops.aten.conv2d.default):
        quantizer.set_operator_type(operator, config)
    (given,) = program.example_inputs[0]
    watched = prepare_pt2e(program.module(), quantizer)
    whole = len(images) - len(images) % len(given)
    with torch.no_grad():
        for some in images[:whole].split(len(given)):
            watched(some)
    return torch.export.export(convert_pt2e(watched), (given,))
