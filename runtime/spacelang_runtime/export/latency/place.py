"""Where and how exported programs are timed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import torch
from attrs import frozen
from torch import Tensor, nn
from torch.export import ExportedProgram

from spacelang_runtime.export.sessions.session import Array, Session
from spacelang_runtime.search.timing import Bench

Runtime = Literal["onnxruntime", "openvino", "executorch"]
RUNTIMES: tuple[Runtime, ...] = get_args(Runtime)
NOISE = 4  # inputs of noise that ranges of int8 are taken from: how long it takes does not depend on them


@frozen
class Place:
    """threads: of one answer; None: as the runtime has it. rounds: timings of each, of which the median counts."""

    runtime: Runtime
    threads: int | None = 1
    int8: bool = False
    batch: int = 1
    rounds: int = 9

    @property
    def bench(self) -> Bench:
        """As torch's timings have it: on the CPU, the precision being that of what is not quantised."""
        return Bench(torch.device("cpu"), "fp32", self.batch, self.rounds)


def passing(module: nn.Module, given: Tensor, place: Place) -> tuple[Callable[[], object], str]:
    """A pass of a module over one input, loaded into a runtime, and the runtime's name and version.

    Raises `Failure` where the runtime is not installed.
    """
    with torch.no_grad():
        program = torch.export.export(module.eval(), (given,))
    session = _session(program, given, place)
    array: Array = given.contiguous().numpy()
    return lambda: session.answer(array), session.runtime


def _session(program: ExportedProgram, given: Tensor, place: Place) -> Session:
    ranges = torch.randn(NOISE * len(given), *given.shape[1:]) if place.int8 else None
    match place.runtime:
        case "onnxruntime":
            from spacelang_runtime.export import onnx_file
            from spacelang_runtime.export.sessions import onnx

            onnx_file.require_installed()
            content = onnx_file.content(program, {})
            if ranges is not None:
                content = onnx_file.quantised(content, ranges, len(given))
            return onnx.open_(content, place.threads)
        case "openvino":
            from spacelang_runtime.export import openvino_file
            from spacelang_runtime.export.sessions import openvino

            model = openvino_file.converted(program)
            if ranges is not None:
                model = openvino_file.quantised(model, ranges, len(given))
            return openvino.open_(model, place.threads)
        case "executorch":
            from spacelang_runtime.export import executorch_file
            from spacelang_runtime.export.sessions import executorch

            return executorch.open_(executorch_file.lowered(program, {}, ranges), place.threads)
