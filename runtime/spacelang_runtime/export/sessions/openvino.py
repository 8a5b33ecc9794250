"""OpenVINO's files: NAME.xml with NAME.bin beside it."""

from __future__ import annotations

import json
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from spacelang_runtime.export.sessions.session import Array, Session, absent, texts

TOLD = ["model_info", "spacelang"]  # the place in a model's rt_info


def open_(model: Path | Any, threads: int | None = None, batch: int | None = None, hint: str = "f32") -> Session:
    """A file, or a model of OpenVINO. threads: of one answer; None: as OpenVINO has it. batch: compile for so many
    images at a time, where the file takes any: sizes that are free cost OpenVINO time in every pass. hint: the
    precision that it may compute float32 in; on CPUs with bf16 units it takes that by itself. Raises `Failure`
    where it is not installed."""
    try:
        import openvino
    except ImportError as error:
        raise absent(error, "OpenVINO", "openvino") from None

    core = _core()
    read = core.read_model(str(model)) if isinstance(model, Path) else model
    wanted: dict[str, Any] = {"INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "LATENCY"}
    if threads:
        wanted["INFERENCE_NUM_THREADS"] = threads
    compiled = None
    if batch and read.inputs[0].get_partial_shape()[0].is_dynamic:
        settled = read.clone()
        settled.reshape([batch, *read.inputs[0].get_partial_shape()[1:]])
        # OpenVINO 2026.4 refuses some networks of settled sizes that it takes with a free batch ("Layout rank can't
        # be larger than tensor", of its snippets).
        with suppress(RuntimeError):
            compiled = core.compile_model(settled, "CPU", wanted)
            read = settled
    if compiled is None:
        compiled = core.compile_model(read, "CPU", wanted)
    asked, takes = compiled.create_infer_request(), read.inputs[0].get_partial_shape()[0]

    def answer(given: Array) -> Array:
        (logits,) = asked.infer([given], share_inputs=True).values()
        return logits.copy()  # the next answer is written where this one lies

    told = json.loads(read.get_rt_info(TOLD).value) if read.has_rt_info(TOLD) else {}
    version = openvino.__version__.split("-")[0]
    return Session(answer, takes.get_length() if takes.is_static else None, texts(told), f"OpenVINO {version}")


@cache
def _core() -> Any:
    """One `openvino.Core` for as long as the process lives.

    On CPUs with AVX-512 each Core of OpenVINO 2026.4 gives the thread a signal stack of its own; once several of
    them are gone, the thread may be left with one that is no longer there, and the next signal that Python handles
    (Ctrl-C, the end of a child process) ends the process with a segmentation fault.
    """
    import openvino

    return openvino.Core()
