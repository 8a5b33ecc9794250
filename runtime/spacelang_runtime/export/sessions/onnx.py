"""ONNX files in onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spacelang_runtime.export.sessions.session import Array, Session, absent


def open_(model: Path | bytes, threads: int | None = None) -> Session:
    """A file, or its content. threads: of one answer; None: as onnxruntime has it. Raises `Failure` where it is not
    installed."""
    try:
        import onnxruntime
    except ImportError as error:
        raise absent(error, "ONNX", "onnx") from None

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if threads:
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
    source: Any = model if isinstance(model, bytes) else str(model)
    session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    (images,) = session.get_inputs()
    batch = images.shape[0]

    def answer(given: Array) -> Array:
        logits: Array = session.run(None, {images.name: given})[0]
        return logits

    return Session(
        answer,
        batch if isinstance(batch, int) else None,
        dict(session.get_modelmeta().custom_metadata_map),
        f"onnxruntime {onnxruntime.__version__}",
    )
