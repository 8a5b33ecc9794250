"""LiteRT's files (TFLite's, as it was called), on the CPU by XNNPACK."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from spacelang_runtime.export.sessions.session import Array, Session, absent, texts

TOLD = "spacelang.json"  # packed behind the model, as TFLite's metadata has files


def open_(model: Path, threads: int | None = None) -> Session:
    """A file. threads: of one answer; None: as LiteRT has it. Raises `Failure` where it is not installed."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise absent(error, "LiteRT", "litert") from None

    interpreter = Interpreter(str(model), num_threads=threads)
    interpreter.allocate_tensors()
    (images,), (logits,) = interpreter.get_input_details(), interpreter.get_output_details()

    def answer(given: Array) -> Array:
        interpreter.set_tensor(images["index"], given)
        interpreter.invoke()
        found: Array = interpreter.get_tensor(logits["index"])
        return found

    return Session(answer, int(images["shape"][0]), told_in(model), f"LiteRT {version('ai-edge-litert')}")


def told_in(model: Path) -> dict[str, str]:
    """What a file tells of itself; nothing where it is not one of ours."""
    try:
        with ZipFile(model) as packed:
            return texts(json.loads(packed.read(TOLD)))
    except (BadZipFile, KeyError, ValueError):
        return {}
