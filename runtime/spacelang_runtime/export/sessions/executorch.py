"""ExecuTorch's programs."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import torch

from spacelang_runtime.export.sessions.session import Array, Session, absent, texts
from spacelang_runtime.failure import Failure

TOLD = "spacelang"  # the method of a program that tells of it


def open_(model: Path | bytes, threads: int | None = None) -> Session:
    """A file, or its content. threads: of the one pool that all programs of a process answer by, those that were
    opened before not excepted; None: as it is. Raises `Failure` where it is not installed."""
    try:
        from executorch.extension.pybindings.portable_lib import _threadpool_get_thread_count as count
        from executorch.extension.pybindings.portable_lib import _unsafe_reset_threadpool as resize
        from executorch.runtime import Runtime, Verification
    except ImportError as error:
        raise absent(error, "ExecuTorch", "executorch") from None

    if threads and count() != threads:
        resize(threads)
    content = model if isinstance(model, bytes) else model.read_bytes()
    program = Runtime.get().load_program(content, verification=Verification.Minimal)
    forward = program.load_method("forward")
    if forward is None:
        raise Failure(
            f"{model if isinstance(model, Path) else 'the program'} has no method forward", "export it again"
        )
    told = {}
    if TOLD in program.method_names and (teller := program.load_method(TOLD)) is not None:
        told = json.loads(teller.execute([])[0])
    batch = forward.metadata.input_tensor_meta(0).sizes()[0]

    owners = (program, content)  # a method does not keep what it lies in

    def answer(given: Array) -> Array:
        assert owners
        logits: Array = forward.execute([torch.from_numpy(given)])[0].numpy().copy()
        return logits

    return Session(answer, int(batch), texts(told), f"ExecuTorch {version('executorch')}")
