"""Where and how exported programs are timed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Literal, get_args

import torch
from attrs import field, frozen
from torch import Tensor, nn

from spacelang_runtime.atomic import replace
from spacelang_runtime.engine.record import versions
from spacelang_runtime.export.sessions.opened import opened
from spacelang_runtime.export.sessions.session import Array
from spacelang_runtime.failure import Failure
from spacelang_runtime.search.timing import Bench

Runtime = Literal["onnxruntime", "openvino", "executorch"]
RUNTIMES: tuple[Runtime, ...] = get_args(Runtime)
SUFFIXES: Mapping[Runtime, str] = MappingProxyType(
    {"onnxruntime": ".onnx", "openvino": ".xml", "executorch": ".pte"}
)
SOURCES = Path(__file__).parents[2]
FORMING = ("ops", "nn", "export")  # of these folders
NOISE = 4  # inputs of noise that ranges of int8 are taken from: how long it takes does not depend on them


@frozen
class RuntimeTarget:
    """threads: of one answer; None: as the runtime has it. rounds: timings of each, of which the median counts.
    programs: a folder where what is exported is kept, and taken from; None: it is exported anew each time."""

    runtime: Runtime
    threads: int | None = 1
    int8: bool = False
    batch: int = 1
    rounds: int = 25
    programs: Path | None = field(default=None, eq=False)

    @property
    def bench(self) -> Bench:
        """As torch's timings have it: on the CPU, the precision being that of what is not quantised."""
        return Bench(torch.device("cpu"), "fp32", self.batch, self.rounds)


def passing(
    name: str, module: nn.Module, given: Tensor, place: RuntimeTarget, loads: int = 1
) -> tuple[list[Callable[[], object]], str]:
    """Passes of a module over one input, each of a session of its own that its program was loaded into, and the
    runtime's name and version.

    name: tells the module from all others; one that was kept under it is not exported again. Raises `Failure` where
    the runtime is not installed.
    """
    with _folder(place) as folder:
        path = folder / f"{_key(name, given, place)}{SUFFIXES[place.runtime]}"
        if not path.is_file():
            _export(module, given, place, path)
        sessions = [opened(path, place.threads) for _ in range(loads)]
    array: Array = given.contiguous().numpy()
    return [partial(session.answer, array) for session in sessions], sessions[0].runtime


@contextmanager
def _folder(place: RuntimeTarget) -> Iterator[Path]:
    if place.programs is None:
        with TemporaryDirectory() as folder:
            yield Path(folder)
        return
    try:
        place.programs.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Failure(f"{place.programs} is no folder for programs: {error.strerror}", "name another") from None
    yield place.programs


def _key(name: str, given: Tensor, place: RuntimeTarget) -> str:
    """The same for the same module, exported by the same packages and the same sources in the same precision."""
    try:
        made_for = version(place.runtime)
    except PackageNotFoundError:
        made_for = "not installed"
    facts = [name, list(given.shape), place.int8, place.runtime, made_for, versions(), _form(SOURCES)]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


@cache
def _form(sources: Path) -> str:
    """SHA-256 of what decides the form of an exported program, in hexadecimal: of all in the folders of the runtime
    that modules and what writes them lie in. It is read in milliseconds, where a graph is traced in seconds; what
    changes no program costs an export anew."""
    digest = hashlib.sha256()
    for path in sorted(path for folder in FORMING for path in (sources / folder).rglob("*.py")):
        for part in (str(path.relative_to(sources)).encode(), path.read_bytes()):
            digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()


def _export(module: nn.Module, given: Tensor, place: RuntimeTarget, path: Path) -> None:
    """Write a module's program for a runtime."""
    with torch.no_grad():
        program = torch.export.export(module.eval(), (given,))
    ranges = torch.randn(NOISE * len(given), *given.shape[1:]) if place.int8 else None
    match place.runtime:
        case "onnxruntime":
            from spacelang_runtime.export import onnx_file

            onnx_file.require_installed()
            content = onnx_file.content(program, {})
            if ranges is not None:
                content = onnx_file.quantised(content, ranges, len(given))
            replace(path, lambda file: file.write(content))
        case "openvino":
            from spacelang_runtime.export import openvino_file

            model = openvino_file.converted(program)
            model.reshape(list(given.shape))  # the converter leaves sizes free, which cost time in every pass
            if ranges is not None:
                model = openvino_file.quantised(model, ranges, len(given))
            openvino_file.save(model, path)
        case "executorch":
            from spacelang_runtime.export import executorch_file

            made = executorch_file.lowered(program, {}, ranges)
            replace(path, lambda file: file.write(made))
