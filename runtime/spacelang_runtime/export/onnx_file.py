"""A network as an ONNX file, with any batch, checked in onnxruntime.

The file holds the weights and little else: masks, offsets and bias matrices are computed in the graph, by every
runtime once, when it loads the file, and not stored layer by layer.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from types import MappingProxyType

import torch
from attrs import frozen

from spacelang_runtime.atomic import replace
from spacelang_runtime.export.program import example, exported
from spacelang_runtime.failure import Failure
from spacelang_runtime.nn.network import Network

TOLERANCE = 1e-4  # of the largest logit
STORED = 1024  # bytes that a computed constant may take in the file


@frozen
class Written:
    """An ONNX file. size: bytes. weights: bytes of its parameters in float32. difference: largest from torch's
    logits, as a share of the largest logit."""

    size: int
    weights: int
    difference: float


def write(
    network: Network, path: Path, image: int | None = None, told: Mapping[str, str] = MappingProxyType({})
) -> Written:
    """Write a network as ONNX, with input "images" [batch, channels, H, W] and output "logits" [batch, classes].

    image: the side of the images; None: the architecture's. The batch is free. told: the file's metadata (see
    `export.metadata`). Raises `Failure` where a package
    is missing, where the file cannot be written, and where onnxruntime does not compute what torch does.
    """
    try:
        import onnxruntime
        import onnxscript.optimizer
        from onnx_ir.passes.common import ClearMetadataAndDocStringPass, CommonSubexpressionEliminationPass
    except ImportError as error:
        raise Failure(f"ONNX needs a package that is not installed: {error.name}", _INSTALL) from None

    network = deepcopy(network).float().cpu().eval()
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    program = torch.onnx.export(
        exported(network, image),
        dynamo=True,
        optimize=False,
        verbose=False,
        input_names=["images"],
        output_names=["logits"],
    )
    model = program.model
    onnxscript.optimizer.optimize_ir(model, input_size_limit=STORED, output_size_limit=STORED)
    CommonSubexpressionEliminationPass()(model)
    ClearMetadataAndDocStringPass()(model)
    for value in (*model.graph.inputs, *model.graph.outputs):
        value.shape[0] = "batch"
    model.metadata_props.update(told)
    content = program.model_proto.SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    difference = max(_difference(session, network, example(network, image, batch)) for batch in (1, 3))
    if not difference <= TOLERANCE:
        raise Failure(
            f"onnxruntime computes other logits than torch: they differ by {difference:.1e} of the largest",
            "export it as torch-export, and tell the versions of onnx, onnxruntime and torch",
        )
    replace(path, lambda file: file.write(content))
    return Written(len(content), 4 * sum(p.numel() for p in network.parameters()), difference)


_INSTALL = "pip install 'spacelang[onnx]'"


def _difference(session: object, network: Network, images: torch.Tensor) -> float:
    (found,) = session.run(None, {"images": images.numpy()})
    with torch.inference_mode():
        expected = network(images)
    return float((torch.from_numpy(found) - expected).abs().max() / expected.abs().max())
