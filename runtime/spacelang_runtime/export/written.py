"""What a model in one file was found to be when it ran in its own runtime, and what to say where it cannot be
made."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Literal

import torch
from attrs import frozen
from torch import Tensor
from torch.export import ExportedProgram

from spacelang_runtime.export.program import example
from spacelang_runtime.export.sessions.session import Session
from spacelang_runtime.failure import Failure
from spacelang_runtime.nn.network import Network

TOLERANCE = 1e-4  # of the largest logit
Precision = Literal["float32", "float16", "int8"]


@frozen
class Written:
    """A file, or a folder, of one form. size: bytes. weights: bytes of its parameters in float32. difference: the
    largest from torch's logits, as a share of the largest logit; None where its runtime does not run here. batch:
    images that it takes at a time; None: any number. with_: what made it and what ran it, with versions."""

    size: int
    weights: int
    difference: float | None
    precision: Precision
    batch: int | None
    with_: str


def weights_of(network: Network) -> int:
    """Bytes of the parameters in float32."""
    return 4 * sum(parameter.numel() for parameter in network.parameters())


def checked(
    session: Session, network: Network, image: int | None, runtime: str, calibration: Calibration | None = None
) -> tuple[float, Precision]:
    """How far a session's logits are from torch's in float32, as a share of the largest, on noise; and in which
    precision it was made. Raises `Failure` where one in float32 does not compute what torch does."""
    apart = _difference(session, deepcopy(network).float().cpu().eval(), image)
    if calibration is not None:
        return apart, "int8"
    if not apart <= TOLERANCE:
        raise Failure(
            f"{runtime} computes other logits than torch: they differ by {apart:.1e} of the largest",
            "export it as torch-export, and tell the versions of the runtime and of torch",
        )
    return apart, "float32"


def _difference(session: Session, network: Network, image: int | None) -> float:
    apart = []
    for batch in (1, 3) if session.batch is None else (session.batch,):
        images = example(network, image, batch + 4)[:batch].float()  # others than those that it was traced with
        found = torch.from_numpy(session.answer(images.numpy()))
        with torch.inference_mode():
            expected = network(images)
        apart.append((found - expected).abs().max() / expected.abs().max())
    return float(torch.stack(apart).max())  # NaN where any is: Python's max would lose it


@contextmanager
def converting(network: Network, program: ExportedProgram, converter: str) -> Iterator[None]:
    """Inside, a converter works on a program. Raises `Failure` that names the operator and the layer, where what
    the converter says tells them."""
    try:
        yield
    except Failure:
        raise
    except Exception as error:  # every converter has its own
        said = " ".join(str(error).split()) or type(error).__name__
        raise Failure(
            f"{converter} does not take {network.architecture.name}{_place(program, str(error))}: {said[:200]}",
            "export it as .onnx or .pt2, and tell the version of the converter",
        ) from error


def _place(program: ExportedProgram, said: str) -> str:
    """The first operator of a program that an error speaks of, and the layer that it stands in, in words."""
    spoken = set(re.findall(r"\w+", said))
    for node in program.graph.nodes:
        if not isinstance(node.target, torch._ops.OpOverload):
            continue
        operator = node.target.name().removeprefix("aten::").split(".")[0]
        if operator in spoken:
            modules = [path for path, _ in (node.meta.get("nn_module_stack") or {}).values()]
            inside = modules[-1].split(".") if modules else []
            layer = " ".join(inside[inside.index("parts") + 1].split("_")) if "parts" in inside else ""
            return f" (operator {operator}{', ' + layer if layer else ''})"
    return ""


def fixed(batch: int | None) -> int:
    """The batch of a form that has one fixed: 1 where none is asked for."""
    return batch or 1


Calibration = (
    Tensor  # normalised images that a quantised network's ranges are taken from, [n, channels, side, side]
)
