"""A model's file in the runtime that it is made for."""

from __future__ import annotations

from pathlib import Path

from spacelang_runtime.export.sessions.session import Session
from spacelang_runtime.failure import Failure

RUNNING = (".onnx", ".xml", ".pte", ".tflite")


def opened(path: Path, threads: int | None = None, batch: int | None = None) -> Session:
    """The session of a file, by its name. threads: of one answer; None: as its runtime has it. batch:
    compile for so many images at a time, where a runtime compiles. Raises `Failure`
    where there is no such file, where its runtime is not installed, and where it cannot be read."""
    if not path.is_file():
        raise Failure(f"there is no file {path}", f"write one: spacelang export best -o {path}")
    try:
        match path.suffix.lower():
            case ".onnx":
                from spacelang_runtime.export.sessions import onnx

                return onnx.open_(path, threads)
            case ".xml":
                from spacelang_runtime.export.sessions import openvino

                return openvino.open_(path, threads, batch)
            case ".pte":
                from spacelang_runtime.export.sessions import executorch

                return executorch.open_(path, threads)
            case ".tflite":
                from spacelang_runtime.export.sessions import litert

                return litert.open_(path, threads)
    except Failure:
        raise
    except Exception as error:  # each runtime has its own
        said = " ".join(str(error).split()) or type(error).__name__
        raise Failure(f"{path} cannot be loaded: {said[:200]}", "export it again") from error
    raise Failure(f"{path} is no model that runs here", f"it is one of {', '.join(RUNNING)}")
